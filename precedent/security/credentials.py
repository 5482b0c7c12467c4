"""The credentials of a row: sealed when it is saved, unsealed when it is used, described when it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from precedent.errors import PrecedentError
from precedent.security.keyring import Keyring, SecretError, key_id
from precedent.settings import Settings

# Of a shorter secret the last four characters would say too much.
SHORTEST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class CredentialView:
    """What may be shown of a credential.

    Attributes:
        has_key: True if one is stored.
        last_four: The last four characters; None for a short secret, and where the encrypting key is lost.
        fingerprint: Tells two secrets apart; None where the encrypting key is lost.
        key_id: The id of the encrypting key; None for a secret of the environment.
    """

    has_key: bool
    last_four: str | None = None
    fingerprint: str | None = None
    key_id: str | None = None


def sealed(settings: Settings, given: Mapping[str, str], *, tenant_id: int, row_id: int) -> str | None:
    """What a row stores of its credentials; None where none are given, for which no key is needed.

    Raises:
        SecretError: there is no key to encrypt with.
    """
    return Keyring.open(settings).encrypt(given, tenant_id=tenant_id, row_id=row_id) if given else None


def unsealed(settings: Settings, stored: str | None, *, tenant_id: int, row_id: int) -> dict[str, str]:
    """The credentials that a row stores, decrypted now; empty where it stores none.

    Raises:
        SecretError: the key that encrypted them is missing.
    """
    return Keyring.open(settings).decrypt(stored, tenant_id=tenant_id, row_id=row_id) if stored else {}


def shown(settings: Settings, stored: str | None, *, tenant_id: int, row_id: int) -> CredentialView:
    """What may be shown of the credentials that a row stores; readable also where every key is lost."""
    if not stored:
        return CredentialView(False)
    try:
        keyring = Keyring.open(settings)
        secrets = keyring.decrypt(stored, tenant_id=tenant_id, row_id=row_id)
    except PrecedentError:
        return CredentialView(True, key_id=_known_id(stored))
    value = secrets.get("api_key") or next(iter(secrets.values()), "")
    return CredentialView(True, last_four(value), keyring.fingerprint(value), key_id(stored))


def last_four(secret: str) -> str | None:
    """The last four characters of a secret, if it is long enough to keep the rest."""
    return secret[-4:] if len(secret) >= SHORTEST_SHOWN else None


def _known_id(stored: str) -> str | None:
    try:
        return key_id(stored)
    except SecretError:
        return None
