"""The platform owner's keys, and what they encrypt: credentials that are bound to the row they belong to.

A stored value is `v1:<key id>:<token>`: a Fernet token (AES-128-CBC with HMAC-SHA-256) over a JSON object that also
names the tenant and the row, because Fernet has no associated data. A token that was copied to another row or tenant
does not open there.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from precedent.errors import PrecedentError, UsageError
from precedent.folders import make_private
from precedent.security.redaction import register_secret
from precedent.settings import Settings

VERSION = "v1"
KEY_FILE = "secret-keys"
FINGERPRINT_CHARACTERS = 12


class SecretError(PrecedentError):
    """A credential that cannot be read: its key is missing or wrong, or the value belongs to another row."""


@dataclass(frozen=True, slots=True)
class Key:
    """One Fernet key; `id` is the start of its SHA-256 and says nothing about it."""

    id: str
    value: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Key":
        """A key from its 44 characters.

        Raises:
            UsageError: the text is not a Fernet key.
        """
        value = text.strip().encode()
        try:
            Fernet(value)
        except ValueError as error:
            raise UsageError(
                "A key in PRECEDENT_SECRET_KEYS is no Fernet key (32 bytes in URL-safe base64): make one with "
                "`precedent provider rotate-keys --new-key`."
            ) from error
        return cls(hashlib.sha256(value).hexdigest()[:8], value)


class Keyring:
    """The platform's keys, newest first; the first encrypts, all decrypt."""

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            raise SecretError(
                "There is no key to encrypt credentials with: set PRECEDENT_SECRET_KEYS or PRECEDENT_SECRET_KEYS_FILE "
                "(`precedent provider rotate-keys --new-key` prints a new one)."
            )
        self.keys = tuple(keys)

    @classmethod
    def open(cls, settings: Settings) -> "Keyring":
        """The keys of the environment, else of the embedded server's home, where the first use makes one.

        With an external database no key is made: only this machine would know it, and every other one would be
        locked out.

        Raises:
            SecretError: there is no key, or the file cannot be read.
            UsageError: a key is malformed.
        """
        text = os.environ.get("PRECEDENT_SECRET_KEYS")
        file = os.environ.get("PRECEDENT_SECRET_KEYS_FILE")
        if not text and file:
            try:
                text = Path(file).expanduser().read_text(encoding="utf-8")
            except OSError as error:
                raise SecretError(
                    f"PRECEDENT_SECRET_KEYS_FILE is {file}, which cannot be read ({error.strerror}): correct it."
                ) from error
        if not text and settings.database_url is None:
            text = _home_keys(settings.home)
        return cls([Key.parse(part) for part in (text or "").replace(",", " ").split()])

    def encrypt(self, secrets: Mapping[str, str], *, tenant_id: int, row_id: int) -> str:
        """A row's credentials as they are stored."""
        newest = self.keys[0]
        plain = json.dumps({"tenant": tenant_id, "row": row_id, "secrets": dict(secrets)}).encode()
        return f"{VERSION}:{newest.id}:{Fernet(newest.value).encrypt(plain).decode()}"

    def decrypt(self, stored: str, *, tenant_id: int, row_id: int) -> dict[str, str]:
        """The credentials of a row; from now on they are redacted in logs and errors of this process.

        Raises:
            SecretError: the key is not among those configured, or the value was made for another row.
        """
        key = self._key_of(stored)
        token = stored.split(":", 2)[2]
        try:
            found = json.loads(Fernet(key.value).decrypt(token.encode()))
        except (InvalidToken, ValueError) as error:
            raise SecretError(
                f"A stored credential does not open with key {key.id}: it was damaged; enter it again with "
                "`precedent provider add --replace`."
            ) from error
        if (found.get("tenant"), found.get("row")) != (tenant_id, row_id):
            raise SecretError("A stored credential belongs to another row: enter it again.")
        secrets = {str(name): str(value) for name, value in found["secrets"].items()}
        for value in secrets.values():
            register_secret(value)
        return secrets

    def needs_rotation(self, stored: str) -> bool:
        """True if a value was encrypted with another key than the newest."""
        return key_id(stored) != self.keys[0].id

    def fingerprint(self, value: str) -> str:
        """An HMAC that tells two secrets apart and survives a rotation: the oldest key stays while others are added."""
        return hmac.new(self.keys[-1].value, value.encode(), hashlib.sha256).hexdigest()[:FINGERPRINT_CHARACTERS]

    def _key_of(self, stored: str) -> Key:
        wanted = key_id(stored)
        for key in self.keys:
            if key.id == wanted:
                return key
        have = ", ".join(key.id for key in self.keys)
        raise SecretError(
            f"A stored credential was encrypted with key {wanted}, which is not among the configured ones ({have}): "
            "add that key to PRECEDENT_SECRET_KEYS after the newest; nothing was changed."
        )


def key_id(stored: str) -> str:
    """The id of the key that a stored value was encrypted with.

    Raises:
        SecretError: the value has an unknown form.
    """
    parts = stored.split(":", 2)
    if len(parts) != 3 or parts[0] != VERSION:
        raise SecretError("A stored credential has an unknown form: enter it again.")
    return parts[1]


def new_key() -> str:
    """A fresh key as text."""
    return Fernet.generate_key().decode()


def _home_keys(home: Path) -> str:
    path = home / KEY_FILE
    if not path.exists():
        make_private(home)
        descriptor, mine = -1, path.with_name(f".{KEY_FILE}.{os.getpid()}")
        try:
            descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(descriptor, new_key().encode())
            os.fsync(descriptor)
            os.link(mine, path)  # the process that links first has made the key; the others read it
        except FileExistsError:
            pass
        finally:
            if descriptor >= 0:
                os.close(descriptor)
            mine.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8")
