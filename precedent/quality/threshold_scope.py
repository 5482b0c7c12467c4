"""Whose thresholds are read or changed: a tenant's, or those of one of its sources."""

from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.quality.verdicts import judge_again
from precedent.sources import repository as sources
from precedent.tenants import tenants
from precedent.tenants.tenants import DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Scope:
    """A tenant, or one source of it.

    Attributes:
        name: The tenant's name, or `tenant/source`.
        tenant_id: The tenant.
        source_id: The source; None for the tenant as a whole.
        sources: Ids and keys of the sources that the thresholds hold for.
    """

    name: str
    tenant_id: int
    source_id: int | None
    sources: dict[int, str]


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A report that has another verdict under the changed thresholds; `failed` names its failed gates."""

    source: str
    space: int
    passed: bool
    score: float
    passed_before: bool
    failed: list[str]


def find_scope(database: Database, tenant: str, source: str | None) -> Scope:
    """The scope that a tenant and perhaps a source name.

    Args:
        database: The platform's.
        tenant: The tenant's name.
        source: `tenant/source` or the name of a source of the tenant; None for the tenant as a whole.

    Raises:
        NotFoundError: there is no such tenant or source.
        UsageError: the source belongs to another tenant than is named.
    """
    if source is not None:
        key = source if "/" in source else f"{tenant}/{source}"
        if tenant not in (DEFAULT_TENANT, key.split("/")[0]):
            raise UsageError(f"{key} is not a source of {tenant}: name the tenant once.")
        row = sources.get(database, key)
        return Scope(row.key, row.tenant_id, row.id, {row.id: row.key})
    owner = tenants.get(database, tenant)
    rows = [sources.get(database, key) for key, number in sources.list_keys(database) if number == owner.id]
    return Scope(owner.name, owner.id, None, {row.id: row.key for row in rows})


def judge_scope_again(connection: "psycopg.Connection[Any]", scope: Scope) -> list[Rejudged]:
    """Bring the stored verdicts to the thresholds that hold now; by them, spaces are taken into use.

    Returns:
        The reports that fail other gates than before.
    """
    changed = []
    for source_id, key in scope.sources.items():
        for report, verdict in judge_again(connection, source_id):
            before = sorted(gate["name"] for gate in report.gates if gate["passed"] is False)
            now = sorted(gate.name for gate in verdict.gates if gate.passed is False)
            if now != before:
                changed.append(Rejudged(key, report.space_id, verdict.passed, verdict.score, report.passed, now))
    return changed
