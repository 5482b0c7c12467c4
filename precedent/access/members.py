"""The people of a tenant, and the administrators of the platform: the rows of `members`.

A tenant of None stands for the platform as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from precedent.access import roles
from precedent.access.roles import Role
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError

NAME = re.compile(r"[^\s\x00-\x1f\x7f,/]{1,200}")
LIST = text("SELECT name, role, created_at FROM members ORDER BY name")
ROLE = text("SELECT role FROM members WHERE name = :name AND tenant_id IS NOT DISTINCT FROM :tenant")
SAVE = text("""
INSERT INTO members AS m (tenant_id, name, role) VALUES (:tenant, :name, :role)
ON CONFLICT (tenant_id, name) DO UPDATE SET role = excluded.role, updated_at = now() WHERE m.role <> excluded.role
""")
# Of two administrators who remove each other at once one must stay: the second waits, and counts what is left.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('administrators'))")
COUNT = text("SELECT count(*) FROM members WHERE tenant_id IS NULL")
DELETE = text("DELETE FROM members WHERE name = :name RETURNING id")
MEMBERSHIPS = text("SELECT tenant_id, tenant, role FROM memberships_of(:name)")


@dataclass(frozen=True, slots=True)
class Member:
    """A person and the role it has.

    Attributes:
        name: What the person signs in as: an e-mail address or a login, in lower case.
        role: What it may do.
        since: When it was added.
    """

    name: str
    role: Role
    since: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """A tenant that a person belongs to."""

    tenant_id: int
    tenant: str
    role: Role


def check_name(name: str) -> str:
    """The name as it is stored.

    Raises:
        UsageError: it cannot be a person's name.
    """
    found = name.strip().lower()
    if not NAME.fullmatch(found):
        raise UsageError(
            f"{name!r} cannot be a member's name: write an e-mail address or a login of at most 200 characters, "
            "without spaces, commas and slashes."
        )
    return found


def list(database: Database, tenant_id: int | None) -> Sequence[Member]:
    """The members, by name."""
    with database.scope(tenant_id) as session:
        return [Member(row.name, Role(row.role), row.created_at) for row in session.execute(LIST)]


def role_of(database: Database, tenant_id: int | None, name: str) -> Role | None:
    """The role that a person has; None where it is no member."""
    with database.scope(tenant_id) as session:
        found = session.scalar(ROLE, {"name": name, "tenant": tenant_id})
    return Role(found) if found else None


def memberships(database: Database, name: str) -> Sequence[Membership]:
    """The tenants of a person, by name, in one round trip."""
    with database.session() as session:
        return [
            Membership(row.tenant_id, row.tenant, Role(row.role))
            for row in session.execute(MEMBERSHIPS, {"name": name})
        ]


def save(database: Database, tenant_id: int | None, name: str, role: str) -> Member:
    """Add a member, or give one another role.

    Raises:
        UsageError: the name or the role cannot be.
    """
    found, checked = check_name(name), roles.parse(role, tenant_id)
    with database.scope(tenant_id) as session:
        session.execute(SAVE, {"tenant": tenant_id, "name": found, "role": checked.value})
    return required(database, tenant_id, found)


def required(database: Database, tenant_id: int | None, name: str) -> Member:
    """The member of this name.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    members = list(database, tenant_id)
    for member in members:
        if member.name == name.strip().lower():
            return member
    known = ", ".join(member.name for member in members) or "none yet"
    raise NotFoundError(f"There is no member {name!r} (known: {known}): add one with `precedent member add`.")


def delete(database: Database, tenant_id: int | None, name: str) -> None:
    """Remove a member; its sessions may do nothing there from the next request on.

    Raises:
        NotFoundError: there is no such member.
        UsageError: it is the only administrator of the platform.
    """
    member = required(database, tenant_id, name)
    with database.scope(tenant_id) as session:
        if tenant_id is None:
            session.execute(LOCK)
            if (session.scalar(COUNT) or 0) < 2:
                raise UsageError(f"{member.name} is the only administrator of the platform: add another one first.")
        session.execute(DELETE, {"name": member.name})
