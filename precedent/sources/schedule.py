"""What sensors and schedules ask of all tenants, each question in one round trip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from precedent.database.session import Database
from precedent.sources.source import Probe

SOURCES = text("SELECT * FROM source_schedule()")
LAST_PROBES = text("""
SELECT i.id, i.configuration, i.credentials, s.token, s.validators, s.name
FROM integrations i LEFT JOIN sync_state s ON s.source_id = i.id AND s.stream = ''
WHERE i.type = 'data_source' AND i.id = ANY(:ids)
""")
TENANTS_WITH_INCIDENTS = text("SELECT * FROM tenants_with_incidents()")
INCIDENTS = text("SELECT * FROM incidents_to_analyse(CAST(:versions AS jsonb))")


@dataclass(frozen=True, slots=True)
class ScheduledSource:
    """A source and how its last sync ended; `state` and what follows are None before the first one.

    `configured` is the revision of the row that the state belongs to.
    """

    id: int
    tenant_id: int
    tenant: str
    name: str
    kind: str
    is_active: bool
    revision: int
    state: str | None
    wait_until: datetime | None
    failures: int
    syncs: int
    last_refresh: datetime | None
    swept_at: datetime | None
    configured: int | None
    token: str | None
    reported_at: datetime | None

    @property
    def key(self) -> str:
        """Its Dagster partition."""
        return f"{self.tenant}/{self.name}"


@dataclass(frozen=True, slots=True)
class LastProbe:
    """What it takes to probe a source again; `stored` are its credentials as they are kept."""

    configuration: dict[str, Any]
    probe: Probe | None
    name: str | None
    stored: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PendingIncidents:
    """A source's incidents without an up-to-date analysis; `digest` changes when the set of them does."""

    source_id: int
    tenant_id: int
    tenant: str
    name: str
    incidents: int
    tried: int
    digest: str

    @property
    def key(self) -> str:
        """Its Dagster partition."""
        return f"{self.tenant}/{self.name}"


def sources(database: Database) -> list[ScheduledSource]:
    """Every source of every tenant."""
    with database.session() as session:
        return [
            ScheduledSource(
                id=row.source_id,
                tenant_id=row.tenant_id,
                tenant=row.tenant,
                name=row.name,
                kind=row.kind,
                is_active=row.is_active,
                revision=row.revision,
                state=row.state,
                wait_until=row.wait_until,
                failures=row.failures or 0,
                syncs=row.syncs or 0,
                last_refresh=row.last_refresh,
                swept_at=row.swept_at,
                configured=row.configured,
                token=row.token,
                reported_at=row.reported_at,
            )
            for row in session.execute(SOURCES)
        ]


def last_probes(database: Database, tenant_id: int, ids: Sequence[int]) -> dict[int, LastProbe]:
    """What is known of these sources of a tenant, by id; those that are gone are left out."""
    with database.tenant(tenant_id) as session:
        return {
            row.id: LastProbe(
                dict(row.configuration),
                Probe(row.token, row.validators or {}, row.name) if row.token is not None else None,
                row.name,
                row.credentials,
            )
            for row in session.execute(LAST_PROBES, {"ids": list(ids)})
        }


def tenants_with_incidents(database: Database) -> list[int]:
    """Tenants that have any incident."""
    with database.session() as session:
        return list(session.scalars(TENANTS_WITH_INCIDENTS))


def pending_incidents(database: Database, versions: Mapping[int, str]) -> list[PendingIncidents]:
    """Sources of these tenants whose incidents lack an analysis.

    Args:
        database: The database.
        versions: What an analysis must have been made with, by tenant.
    """
    encoded = orjson.dumps({str(tenant): version.encode().hex() for tenant, version in versions.items()}).decode()
    with database.session() as session:
        return [PendingIncidents(*row) for row in session.execute(INCIDENTS, {"versions": encoded})]
