"""Keys by which programs use the interfaces: the rows of `api_tokens`.

A token is `pct_<tenant>_<64 hexadecimal digits>_<checksum>`. It says its tenant, because before the tenant is known
row-level security shows no row to look it up in; what it may do there stands in the row alone. The checksum tells a
mistyped token without a query. A tenant of None (0 in the token) stands for the platform as a whole.
"""

import hashlib
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from precedent.access import roles
from precedent.access.roles import Role
from precedent.database.actor import current_actor
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.tenants.tenants import check_name

FORM = re.compile(r"(pct_([0-9]{1,9})_[0-9a-f]{64})_([0-9a-f]{8})")
LIFETIME = timedelta(days=365)
OVERLAP = timedelta(hours=24)
COLUMNS = "id, name, role, last_four, created_by, created_at, expires_at, revoked_at, last_used_at"
VALID = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"
FIND = text(f"SELECT tenant_id, {COLUMNS} FROM api_tokens WHERE hash = :hash AND {VALID}")  # noqa: S608
LIST = text(f"SELECT tenant_id, {COLUMNS} FROM api_tokens ORDER BY name, id")  # noqa: S608
# A busy token writes once a minute and not once a request.
USED = text("""
UPDATE api_tokens SET last_used_at = now()
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
""")
ADD = text(f"""
INSERT INTO api_tokens (tenant_id, name, role, hash, last_four, created_by, expires_at)
VALUES (:tenant, :name, :role, :hash, :last_four, :by, :expires) RETURNING tenant_id, {COLUMNS}
""")  # noqa: S608
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('api_tokens'), :tenant)")
OF_NAME = text(f"SELECT tenant_id, {COLUMNS} FROM api_tokens WHERE name = :name AND {VALID} ORDER BY id DESC")  # noqa: S608
REVOKE = text("UPDATE api_tokens SET revoked_at = now() WHERE id = :id")
END_AT = text("UPDATE api_tokens SET expires_at = least(expires_at, :end) WHERE id = :id")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as it is stored; the token itself is not.

    Attributes:
        id: The row's number.
        tenant_id: Its tenant; None for the platform as a whole.
        name: What it is called; the one that replaces it has the same name.
        role: What it may do.
        last_four: Its last four characters, to tell it from others.
        created_by: Who made it.
        created_at: When.
        expires_at: Until when it is valid; None for no end.
        revoked_at: When it was revoked, or None.
        last_used_at: When it was last used, to the minute; None if never.
    """

    id: int
    tenant_id: int | None
    name: str
    role: Role
    last_four: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def state(self) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= datetime.now(UTC) else "valid"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: the only moment in which it is known as a whole."""

    token: str
    row: ApiToken


def list(database: Database, tenant_id: int | None) -> Sequence[ApiToken]:
    """The tokens, by name, also those that are no longer valid."""
    with database.scope(tenant_id) as session:
        return [_of(row) for row in session.execute(LIST)]


def find(database: Database, token: str) -> ApiToken | None:
    """The valid token of this text, which counts as used; None where there is none."""
    form = FORM.fullmatch(token)
    if form is None or _checksum(form[1]) != form[3]:
        return None
    with database.scope(int(form[2]) or None) as session:
        row = session.execute(FIND, {"hash": _digest(token)}).first()
        if row is not None:
            session.execute(USED, {"id": row.id})
    return _of(row) if row is not None else None


def add(
    database: Database, tenant_id: int | None, name: str, role: str, lifetime: timedelta | None = LIFETIME
) -> NewToken:
    """Make a token.

    Args:
        database: The platform's.
        tenant_id: Its tenant; None for the platform as a whole.
        name: What it is called.
        role: What it may do.
        lifetime: How long it is valid; None for no end.

    Raises:
        UsageError: the name or the role cannot be, or there is a valid token of this name.
    """
    check_name(name, "token")
    checked = roles.parse(role, tenant_id)
    with database.scope(tenant_id) as session:
        session.execute(LOCK, {"tenant": tenant_id or 0})
        if session.execute(OF_NAME, {"name": name}).first() is not None:
            raise UsageError(f"There is a token {name!r} already: replace it with `precedent token rotate {name}`.")
        return _add(session, tenant_id, name, checked, lifetime)


def rotate(database: Database, tenant_id: int | None, name: str, overlap: timedelta = OVERLAP) -> NewToken:
    """Make a token that replaces the one of this name; the old one stays valid for a while, those before it do not.

    Args:
        database: The platform's.
        tenant_id: Its tenant; None for the platform as a whole.
        name: What it is called.
        overlap: How long both are valid.

    Raises:
        NotFoundError: there is no valid token of this name.
    """
    with database.scope(tenant_id) as session:
        session.execute(LOCK, {"tenant": tenant_id or 0})
        newest, *others = _valid(session, name)
        for row in others:
            session.execute(REVOKE, {"id": row.id})
        session.execute(END_AT, {"id": newest.id, "end": datetime.now(UTC) + overlap})
        lifetime = newest.expires_at - newest.created_at if newest.expires_at else None
        return _add(session, tenant_id, name, newest.role, lifetime)


def revoke(database: Database, tenant_id: int | None, name: str) -> int:
    """End a token and the one that it replaces at once; how many were ended.

    Raises:
        NotFoundError: there is no valid token of this name.
    """
    with database.scope(tenant_id) as session:
        rows = _valid(session, name)
        for row in rows:
            session.execute(REVOKE, {"id": row.id})
    return len(rows)


def _valid(session: Session, name: str) -> Sequence[ApiToken]:
    rows = [_of(row) for row in session.execute(OF_NAME, {"name": name})]
    if not rows:
        raise NotFoundError(f"There is no valid token {name!r}: `precedent token list` names those there are.")
    return rows


def _add(session: Session, tenant_id: int | None, name: str, role: Role, lifetime: timedelta | None) -> NewToken:
    begin = f"pct_{tenant_id or 0}_{secrets.token_hex(32)}"
    token = f"{begin}_{_checksum(begin)}"
    values = {
        "tenant": tenant_id,
        "name": name,
        "role": role.value,
        "hash": _digest(token),
        "last_four": token[-4:],
        "by": current_actor().name,
        "expires": datetime.now(UTC) + lifetime if lifetime is not None else None,
    }
    return NewToken(token, _of(session.execute(ADD, values).one()))


def _of(row: object) -> ApiToken:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    return ApiToken(**{**values, "role": Role(values["role"])})


def _checksum(begin: str) -> str:
    return f"{zlib.crc32(begin.encode()):08x}"


def _digest(token: str) -> bytes:
    # The token is as hard to guess as the digest itself: a slow hash would add nothing but its time.
    return hashlib.sha256(token.encode()).digest()
