"""The sources that tenants have added, and what has become of their records."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy import text as sql_text
from sqlalchemy.exc import IntegrityError

from resources import tenancy
from resources.database.models import DataSource
from resources.database.session import Database
from resources.errors import NotFoundError, UsageError
from resources.sources.registry import source_from_configuration

COUNTS = """
SELECT
  (SELECT coalesce(jsonb_object_agg(kind, n), '{}') FROM (
     SELECT kind, count(*) AS n FROM raw_items WHERE source_id = :source AND deleted_at IS NULL GROUP BY kind) k),
  (SELECT count(*) FROM documents WHERE source_id = :source),
  (SELECT count(*) FROM chunks WHERE source_id = :source),
  (SELECT count(*) FROM chunks c WHERE source_id = :source AND EXISTS (
     SELECT FROM embeddings e JOIN embedding_spaces s ON s.id = e.space_id AND s.status = 'active'
     WHERE e.content_hash = c.content_hash)),
  (SELECT count(*) FROM chunks c WHERE source_id = :source AND EXISTS (
     SELECT FROM embedding_failures f JOIN embedding_spaces s ON s.id = f.space_id AND s.status = 'active'
     WHERE f.content_hash = c.content_hash)),
  (SELECT count(*) FROM rejected_records WHERE source_id = :source),
  (SELECT last_refresh FROM sync_state WHERE source_id = :source)
"""
RAW_COLUMNS = {
    "issues": "issue",
    "pull_requests": "pull_request",
    "commits": "commit",
    "comments": "comment",
    "incidents": "incident",
}


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source as its assets need it; `key` is its Dagster partition."""

    id: int
    tenant_id: int
    tenant: str
    name: str
    kind: str
    configuration: dict[str, Any]

    @property
    def key(self) -> str:
        """`tenant/name`."""
        return f"{self.tenant}/{self.name}"


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source and its rows by layer."""

    tenant: str
    name: str
    kind: str
    state: str
    raw: dict[str, int]
    documents: int
    chunks: int
    embedded: int
    failed: int
    rejected: int
    last_refresh: datetime | None


def split_key(key: str) -> tuple[str, str]:
    """Tenant and source name of `tenant/source`; a bare name belongs to the default tenant.

    Raises:
        UsageError: the key has another form.
    """
    tenant, slash, name = key.partition("/")
    if not slash:
        tenant, name = tenancy.DEFAULT_TENANT, key
    if not tenant or not name or "/" in name:
        raise UsageError(f"{key!r} does not name a source: write TENANT/SOURCE, e.g. default/jira.")
    return tenant, name


def add(database: Database, tenant: str, name: str, kind: str, configuration: dict[str, Any]) -> SourceRow:
    """Add a source after checking that it can be opened.

    Raises:
        UsageError: a bad name, an unknown kind, or the name is taken.
        SourceError: there is nothing to read.
    """
    owner = tenancy.find(database, tenant)
    tenancy.check_name(name, "source")
    source_from_configuration(kind, configuration)
    try:
        with database.tenant(owner.id) as session:
            row = DataSource(
                tenant_id=owner.id, name=name, provider=kind, configuration=configuration, description=None
            )
            session.add(row)
            session.flush()
            number = row.id
    except IntegrityError as error:
        raise UsageError(
            f"{tenant} has a source {name!r} already: choose another name, or remove it with "
            f"`precedent source remove {tenant}/{name}`."
        ) from error
    return SourceRow(number, owner.id, tenant, name, kind, configuration)


def find(database: Database, key: str) -> SourceRow:
    """The source of a partition key.

    Raises:
        NotFoundError: no such tenant or source.
    """
    tenant, name = split_key(key)
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        row = session.scalar(select(DataSource).where(DataSource.name == name))
        if row is None:
            known = ", ".join(session.scalars(select(DataSource.name).order_by(DataSource.name))) or "none yet"
            raise NotFoundError(
                f"{tenant} has no source {name!r} (known: {known}): add it with `precedent source add`."
            )
        return SourceRow(row.id, owner.id, tenant, name, row.provider, dict(row.configuration))


def remove(database: Database, key: str) -> SourceRow:
    """Remove a source with all its rows; vectors that nothing else refers to go too."""
    source = find(database, key)
    with database.tenant(source.tenant_id) as session:
        session.execute(delete(DataSource).where(DataSource.id == source.id))
        session.execute(
            sql_text(
                "DELETE FROM embeddings e WHERE NOT EXISTS (SELECT FROM chunks c WHERE c.content_hash = e.content_hash)"
            )
        )
    return source


def every(database: Database, tenant: str | None = None) -> list[SourceStatus]:
    """All sources of one tenant, or of each tenant in turn."""
    owners = [tenancy.find(database, tenant)] if tenant else tenancy.every(database)
    found = []
    for owner in owners:
        with database.tenant(owner.id) as session:
            for row in session.scalars(select(DataSource).order_by(DataSource.name)).all():
                counts = session.execute(sql_text(COUNTS), {"source": row.id}).one()
                kinds, documents, chunks, embedded, failed, rejected, last_refresh = counts
                state = "never refreshed" if last_refresh is None else "ok"
                if last_refresh is not None and embedded < chunks:
                    state = "incomplete"
                found.append(
                    SourceStatus(
                        tenant=owner.name,
                        name=row.name,
                        kind=row.provider,
                        state=state,
                        raw={plural: kinds.get(kind, 0) for plural, kind in RAW_COLUMNS.items()},
                        documents=documents,
                        chunks=chunks,
                        embedded=embedded,
                        failed=failed,
                        rejected=rejected,
                        last_refresh=last_refresh,
                    )
                )
    return found


def keys(database: Database) -> list[tuple[str, int]]:
    """Partition key and tenant of every source; one query a tenant, counts nothing."""
    found = []
    for owner in tenancy.every(database):
        with database.tenant(owner.id) as session:
            names = session.scalars(select(DataSource.name).order_by(DataSource.name)).all()
        found += [(f"{owner.name}/{name}", owner.id) for name in names]
    return found
