"""How far each source has come: its rows by layer, and whether it can be read."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy import text as sql_text

from precedent.database.models import DataSource
from precedent.database.session import Database
from precedent.sources.records import RawKind
from precedent.tenants import tenants as tenancy

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
  EXISTS (SELECT FROM raw_items r WHERE r.source_id = :source AND r.deleted_at IS NULL
            AND r.kind NOT IN ('comment', 'deployment')
            AND NOT EXISTS (SELECT FROM documents d WHERE d.raw_item_id = r.id))
  OR EXISTS (SELECT FROM documents d WHERE d.source_id = :source
               AND NOT EXISTS (SELECT FROM document_cuts k WHERE k.document_id = d.id))
  OR EXISTS (SELECT FROM comments m WHERE m.source_id = :source AND m.text <> ''
               AND NOT EXISTS (SELECT FROM comment_cuts k WHERE k.comment_id = m.id)),
  s.last_refresh, s.state, s.reason, s.wait_until, s.failures
FROM (SELECT) one LEFT JOIN sync_state s ON s.source_id = :source AND s.stream = ''
"""
# Always shown; the others only where a source has some, as few systems do.
SHOWN = (RawKind.ISSUE, RawKind.PULL_REQUEST, RawKind.COMMIT, RawKind.COMMENT, RawKind.INCIDENT)


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
    reason: str | None = None
    wait_until: datetime | None = None
    failures: int = 0


def statuses(database: Database, tenant: str | None = None) -> list[SourceStatus]:
    """All sources of one tenant, or of each tenant in turn."""
    owners = [tenancy.get(database, tenant)] if tenant else tenancy.list(database)
    found = []
    for owner in owners:
        with database.tenant(owner.id) as session:
            for row in session.scalars(select(DataSource).order_by(DataSource.name)).all():
                counts = session.execute(sql_text(COUNTS), {"source": row.id}).one()
                kinds, documents, chunks, embedded, failed, rejected, behind = counts[:7]
                last, state, reason, until, failures = counts[7:]
                found.append(
                    SourceStatus(
                        tenant=owner.name,
                        name=row.name,
                        kind=row.provider,
                        state=_state_of(row, state, last, complete=embedded >= chunks and not behind),
                        raw=_raw(kinds),
                        documents=documents,
                        chunks=chunks,
                        embedded=embedded,
                        failed=failed,
                        rejected=rejected,
                        last_refresh=last,
                        reason=reason,
                        wait_until=until,
                        failures=failures or 0,
                    )
                )
    return found


def _raw(counts: dict[str, int]) -> dict[str, int]:
    return {kind.plural: counts.get(kind, 0) for kind in RawKind if kind in SHOWN or counts.get(kind)}


def _state_of(row: DataSource, state: str | None, last: datetime | None, *, complete: bool) -> str:
    """In a word or two; what is wrong comes before what is unfinished."""
    if not row.is_active:
        return "paused"
    if state in {"waiting", "needs_attention"}:
        return state.replace("_", " ")
    if last is None:
        return "never refreshed"
    return "ok" if complete else "incomplete"
