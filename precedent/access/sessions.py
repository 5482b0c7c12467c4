"""Signing in: links that are good for once, and the sessions of browsers.

Nobody has a password. A person is let in by a link that an administrator gives, or by the organisation's own sign-in.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from precedent.database.session import Database

LINK_LIFETIME = timedelta(hours=24)
LIFETIME = timedelta(days=30)
# A browser that is not used for this long is signed out.
IDLE = timedelta(days=7)
COLUMNS = "id, name, address, browser, created_at, expires_at, last_used_at"
ADD_LINK = text("INSERT INTO sign_in_links (hash, name, expires_at) VALUES (:hash, :name, :expires)")
# One statement: of two requests with the same link one finds it.
TAKE_LINK = text("DELETE FROM sign_in_links WHERE hash = :hash AND expires_at > now() RETURNING name")
OLD_LINKS = text("DELETE FROM sign_in_links WHERE expires_at <= now()")
ADD = text("""
INSERT INTO sessions (hash, name, address, browser, expires_at) VALUES (:hash, :name, :address, :browser, :expires)
""")
OLD = text("DELETE FROM sessions WHERE expires_at <= now() OR last_used_at <= :idle")
FIND = text(f"""
SELECT {COLUMNS} FROM sessions WHERE hash = :hash AND expires_at > now() AND last_used_at > :idle
""")  # noqa: S608
USED = text("UPDATE sessions SET last_used_at = now() WHERE id = :id AND last_used_at < now() - interval '1 minute'")
LIST = text(f"SELECT {COLUMNS} FROM sessions WHERE name = :name AND expires_at > now() ORDER BY id DESC")  # noqa: S608
DELETE = text("DELETE FROM sessions WHERE name = :name AND id = coalesce(CAST(:id AS bigint), id) RETURNING id")
LONGEST_BROWSER = 200


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody is signed in.

    Attributes:
        id: The row's number.
        name: Who is signed in.
        address: Where it signed in from.
        browser: What the browser called itself.
        created_at: When it signed in.
        expires_at: Until when at most.
        last_used_at: When it was last used, to the minute.
    """

    id: int
    name: str
    address: str | None
    browser: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime


def add_link(database: Database, name: str, lifetime: timedelta = LINK_LIFETIME) -> str:
    """A secret by which this person can sign in once.

    Args:
        database: The platform's.
        name: Who is to sign in.
        lifetime: How long it is good for.
    """
    secret = secrets.token_urlsafe(32)
    with database.session() as session:
        session.execute(OLD_LINKS)
        values = {"hash": _digest(secret), "name": name, "expires": datetime.now(UTC) + lifetime}
        session.execute(ADD_LINK, values)
    return secret


def take_link(database: Database, secret: str) -> str | None:
    """Whom a link signs in; None where it was used, has expired or never was."""
    with database.session() as session:
        name: str | None = session.scalar(TAKE_LINK, {"hash": _digest(secret)})
        return name


def add(database: Database, name: str, address: str | None = None, browser: str | None = None) -> str:
    """Sign a person in: the secret that the browser keeps.

    Args:
        database: The platform's.
        name: Who.
        address: Where the browser is.
        browser: What it calls itself.
    """
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    with database.session() as session:
        session.execute(OLD, {"idle": now - IDLE})
        values = {
            "hash": _digest(secret),
            "name": name,
            "address": address,
            "browser": (browser or "")[:LONGEST_BROWSER].replace("\0", "") or None,
            "expires": now + LIFETIME,
        }
        session.execute(ADD, values)
    return secret


def find(database: Database, secret: str) -> Session | None:
    """The session of a browser's secret, which counts as used; None where it has ended."""
    with database.session() as session:
        row = session.execute(FIND, {"hash": _digest(secret), "idle": datetime.now(UTC) - IDLE}).first()
        if row is not None:
            session.execute(USED, {"id": row.id})
    return Session(*row) if row is not None else None


def list(database: Database, name: str) -> Sequence[Session]:
    """The sessions of a person, the newest first."""
    with database.session() as session:
        return [Session(*row) for row in session.execute(LIST, {"name": name})]


def delete(database: Database, name: str, number: int | None = None) -> int:
    """Sign a person out of one browser, or of all; how many sessions were ended."""
    with database.session() as session:
        return len(session.execute(DELETE, {"name": name, "id": number}).all())


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
