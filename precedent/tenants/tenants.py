"""Tenants by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from precedent.database.models import Tenant
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError

DEFAULT_TENANT = "default"
NAME_RULE = "use lower-case letters, digits, '-', '_' and '.', begin with a letter or digit, at most 63 characters"
CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant's number and name."""

    id: int
    name: str


def check_name(name: str, what: str) -> str:
    """The name, if it can be part of a partition key.

    Raises:
        UsageError: it cannot; a comma or slash in a key breaks Dagster's backfills.
    """
    if not (0 < len(name) <= 63 and set(name) <= CHARACTERS and name[0].isalnum()):
        raise UsageError(f"{name!r} cannot be the name of a {what}: {NAME_RULE}.")
    return name


def add(database: Database, name: str) -> tuple[TenantRow, bool]:
    """The tenant of this name, and whether it is new.

    Raises:
        UsageError: the name cannot be part of a partition key.
    """
    check_name(name, "tenant")
    with database.session() as session:
        statement = insert(Tenant).values(name=name).on_conflict_do_nothing().returning(Tenant.id)
        created = session.scalar(statement)
    return get(database, name), created is not None


def get(database: Database, name: str) -> TenantRow:
    """The tenant of this name; `default` is added at the first use.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    with database.session() as session:
        row = session.execute(select(Tenant.id, Tenant.name).where(Tenant.name == name)).first()
    if row is not None:
        return TenantRow(row.id, row.name)
    if name == DEFAULT_TENANT:
        return add(database, name)[0]
    known = ", ".join(tenant.name for tenant in list(database)) or "none yet"
    raise NotFoundError(f"There is no tenant {name!r} (known: {known}): add it with `precedent tenant add {name}`.")


def list(database: Database) -> Sequence[TenantRow]:
    """All tenants, by name."""
    with database.session() as session:
        rows = session.execute(select(Tenant.id, Tenant.name).order_by(Tenant.name)).all()
    return [TenantRow(row.id, row.name) for row in rows]
