"""New keys for stored credentials: a fresh one in the home's key file, every credential encrypted with the newest."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, update

from precedent.database.models import Integration, Tenant
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.security.keyring import KEY_FILE, Key, Keyring, new_key
from precedent.settings import Settings


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did, or would do.

    Attributes:
        rotated: Credentials encrypted anew.
        current: Credentials that the newest key had encrypted before.
        newest_key: The id of the newest key.
        keys_not_needed: Ids of the keys that no credential needs any more.
    """

    rotated: int
    current: int
    newest_key: str
    keys_not_needed: tuple[str, ...]


def rotate(database: Database, settings: Settings, *, dry_run: bool) -> Rotation:
    """Encrypt every credential of every tenant with the newest key; those that already are stay as they are.

    All are decrypted before the first is written: a missing key stops it with nothing changed. A credential that is
    saved meanwhile is the newer one and stays.

    Args:
        database: The database.
        settings: Where the keys are.
        dry_run: Count only, change nothing.

    Raises:
        SecretError: a credential cannot be read; the message names the key's id.
    """
    keyring = Keyring.open(settings)
    found: list[tuple[int, int, str, str]] = []
    current = 0
    with database.session() as session:
        tenants = session.scalars(select(Tenant.id).order_by(Tenant.name)).all()
    for tenant_id in tenants:
        with database.tenant(tenant_id) as session:
            rows = session.execute(select(Integration.id, Integration.credentials)).all()
            for row_id, stored in rows:
                if not stored:
                    continue
                secrets = keyring.decrypt(stored, tenant_id=tenant_id, row_id=row_id)
                if keyring.needs_rotation(stored):
                    fresh = keyring.encrypt(secrets, tenant_id=tenant_id, row_id=row_id)
                    found.append((tenant_id, row_id, stored, fresh))
                else:
                    current += 1
    for tenant_id, row_id, stored, fresh in [] if dry_run else found:
        with database.tenant(tenant_id) as session:
            # The encrypting key changes nothing that a provider sees: version and breaker stay.
            session.execute(
                update(Integration)
                .where(Integration.id == row_id, Integration.credentials == stored)
                .values(credentials=fresh)
            )
    newest, *older = (key.id for key in keyring.keys)
    return Rotation(len(found), current, newest, () if dry_run else tuple(older))


def home_key_file(settings: Settings) -> Path | None:
    """The key file of the embedded server's home; None where the environment holds the keys."""
    elsewhere = os.environ.get("PRECEDENT_SECRET_KEYS") or os.environ.get("PRECEDENT_SECRET_KEYS_FILE")
    return None if elsewhere or settings.database_url is not None else settings.home / KEY_FILE


def add_key(settings: Settings) -> str:
    """Put a fresh key first in the home's key file and keep the old ones after it; returns its id.

    Raises:
        PrecedentError: the file cannot be written, or another process is adding a key.
    """
    path = home_key_file(settings)
    if path is None:
        raise PrecedentError("The keys come from the environment, which only you can change: put the new one there.")
    Keyring.open(settings)  # makes the file where there is none, and refuses one that holds no keys
    fresh = new_key()
    waiting = path.with_name(f".{KEY_FILE}.new")
    try:
        # Exclusive: of two that add a key at once one would lose the other's, and all that was encrypted with it.
        descriptor = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PrecedentError(f"Another process is adding a key: if none is, remove {waiting} and try again.") from None
    except OSError as error:
        raise PrecedentError(f"{path} cannot be written ({error.strerror}): check its folder's rights.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(f"{fresh}\n{path.read_text(encoding='utf-8').strip()}\n")
            handle.flush()
            os.fsync(handle.fileno())
        waiting.replace(path)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    return Key.parse(fresh).id
