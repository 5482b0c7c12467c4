"""Raw items in PostgreSQL: one pass over a source becomes one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from precedent.clock import TimeBounds
from precedent.database import statistics
from precedent.database.refusals import write_sound
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.sync.rows import refused, row_of

STAGE = """
CREATE TEMP TABLE staged_raw (
  seq bigint, kind text, shape text, external_id text, parent_id text, payload text, payload_hash bytea,
  created_at timestamptz, updated_at timestamptz, completeness smallint, notes text[]
) ON COMMIT DROP
"""
COPY = """
COPY staged_raw (seq, kind, shape, external_id, parent_id, payload, payload_hash, created_at, updated_at,
                 completeness, notes) FROM STDIN
"""
# Of two payloads with one id the fuller wins (a pull request over its stub in the issue list), then the newer,
# then the one that stands later.
WINNERS = """
CREATE TEMP TABLE winners ON COMMIT DROP AS
SELECT DISTINCT ON (kind, external_id) seq, kind, external_id, payload_hash,
       count(*) OVER (PARTITION BY kind, external_id) AS payloads
FROM staged_raw
ORDER BY kind, external_id, completeness DESC, updated_at DESC NULLS LAST, seq DESC
"""
NOTE_DUPLICATES = """
UPDATE staged_raw s SET notes = s.notes || '{duplicate_id}'::text[]
FROM winners w WHERE w.seq = s.seq AND w.payloads > 1
"""
UPSERT = """
INSERT INTO raw_items (tenant_id, source_id, kind, shape, external_id, parent_id, payload, payload_hash,
                       created_at, updated_at, notes)
SELECT %(tenant)s, %(source)s, s.kind, s.shape, s.external_id, s.parent_id, s.payload::jsonb, s.payload_hash,
       s.created_at, s.updated_at, s.notes
FROM winners w JOIN staged_raw s ON s.seq = w.seq
LEFT JOIN raw_items r ON r.source_id = %(source)s AND r.kind = w.kind AND r.external_id = w.external_id
WHERE w.seq BETWEEN %(first)s AND %(last)s
  AND (%(everything)s OR r.id IS NULL OR r.payload_hash <> w.payload_hash OR r.deleted_at IS NOT NULL)
ON CONFLICT (source_id, kind, external_id) DO UPDATE SET
  shape = excluded.shape, parent_id = excluded.parent_id, payload = excluded.payload,
  payload_hash = excluded.payload_hash, created_at = excluded.created_at, updated_at = excluded.updated_at,
  notes = excluded.notes, fetched_at = now(), deleted_at = NULL
RETURNING kind, (xmax = 0) AS added
"""
# What was refused is neither stored nor unchanged.
REMOVE_REFUSED = "DELETE FROM winners WHERE seq = %s RETURNING kind, external_id"
TOMBSTONE = """
UPDATE raw_items r SET deleted_at = now()
WHERE r.source_id = %(source)s AND r.kind = ANY(%(kinds)s) AND r.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM winners w WHERE w.kind = r.kind AND w.external_id = r.external_id)
RETURNING kind
"""
# COPY cannot write to a table with row-level security: everything arrives in a temporary one.
STAGE_REJECTED = """
CREATE TEMP TABLE staged_rejected (file text, line integer, reason text, detail text) ON COMMIT DROP
"""
INSERT_REJECTED = """
INSERT INTO rejected_records (tenant_id, source_id, file, line, reason, detail)
SELECT %s, %s, file, line, reason, detail FROM staged_rejected
"""
MANIFESTS = """
SELECT kind, count(*),
       encode(sha256(coalesce(string_agg(payload_hash, ''::bytea ORDER BY external_id), ''::bytea)), 'hex')
FROM raw_items WHERE source_id = %s AND deleted_at IS NULL GROUP BY kind
"""
PROGRESS_EVERY = 500


@dataclass(slots=True)
class SyncCounts:
    """What one pass did, by kind; `read` counts records before duplicates were folded."""

    read: Counter[RawKind] = field(default_factory=Counter)
    added: Counter[RawKind] = field(default_factory=Counter)
    changed: Counter[RawKind] = field(default_factory=Counter)
    deleted: Counter[RawKind] = field(default_factory=Counter)
    unchanged: Counter[RawKind] = field(default_factory=Counter)
    rejected: int = 0
    duplicates: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    deletions_held_back: bool = False


def store_all(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    records: Iterable[RawRecord | RejectedRecord],
    *,
    kinds: frozenset[RawKind] = frozenset(RawKind),
    bounds: TimeBounds | None = None,
    full_refresh: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> SyncCounts:
    """Store one pass over a source; the caller's transaction makes it all or nothing.

    Items that the pass did not yield are tombstoned, unless the pass was bounded in time or something in it
    could not be read: what is missing may then be behind the unreadable part.

    Args:
        connection: Bound to the tenant.
        tenant_id: The tenant.
        source_id: The source.
        records: All that the pass yields.
        kinds: Which kinds are stored; the others are passed over.
        bounds: Only items created within.
        full_refresh: Write every row anew, changed or not.
        progress: Is told how many records have been read since it was last told.
    """
    counts = SyncCounts()
    bounds = bounds or TimeBounds()
    connection.execute(STAGE)
    rejected, places = _stage(connection, records, kinds, bounds, counts, progress)
    connection.execute("CREATE INDEX ON staged_raw (seq)")
    connection.execute(WINNERS)
    connection.execute("ANALYZE staged_raw, winners")
    counts.duplicates = connection.execute(NOTE_DUPLICATES).rowcount
    parameters = {
        "tenant": tenant_id,
        "source": source_id,
        "everything": full_refresh,
        "kinds": [kind.value for kind in kinds],
    }

    def write(places: Sequence[int]) -> None:
        written = connection.execute(UPSERT, {**parameters, "first": places[0], "last": places[-1]})
        for kind, added in written:
            (counts.added if added else counts.changed)[RawKind(kind)] += 1

    for place, error in write_sound(connection, range(places), write):
        for kind, external_id in connection.execute(REMOVE_REFUSED, (place,)).fetchall():
            rejected.append(refused(kind, external_id, error))
    counts.rejected = len(rejected)
    # Before the next statement, whose plan for an empty table would compare every row with every other.
    statistics.after_load(connection, "raw_items", counts.added.total() + counts.changed.total())
    for kind, winners in connection.execute("SELECT kind, count(*) FROM winners GROUP BY kind").fetchall():
        key = RawKind(kind)
        counts.unchanged[key] = winners - counts.added[key] - counts.changed[key]
    counts.deletions_held_back = bool(bounds) or bool(rejected)
    if not counts.deletions_held_back:
        for (kind,) in connection.execute(TOMBSTONE, parameters):
            counts.deleted[RawKind(kind)] += 1
    _store_rejected(connection, tenant_id, source_id, rejected)
    return counts


def rejected_count(connection: "psycopg.Connection[Any]", source_id: int) -> int:
    """How many records of a source could not be read."""
    row = connection.execute("SELECT count(*) FROM rejected_records WHERE source_id = %s", (source_id,)).fetchone()
    return row[0] if row else 0


def manifests(connection: "psycopg.Connection[Any]", source_id: int) -> dict[RawKind, tuple[int, str]]:
    """Rows and digest of each kind present in a source."""
    return {RawKind(k): (n, digest) for k, n, digest in connection.execute(MANIFESTS, (source_id,))}


def _stage(
    connection: "psycopg.Connection[Any]",
    records: Iterable[RawRecord | RejectedRecord],
    kinds: frozenset[RawKind],
    bounds: TimeBounds,
    counts: SyncCounts,
    progress: Callable[[int], None],
) -> tuple[list[RejectedRecord], int]:
    """Copy records into `staged_raw`; those that cannot be, and how many there were in all."""
    rejected: list[RejectedRecord] = []
    read = places = 0
    with connection.cursor().copy(COPY) as copy:
        for seq, record in enumerate(records):
            places = seq + 1
            if isinstance(record, RejectedRecord):
                rejected.append(record)
                continue
            if record.kind not in kinds or not bounds.include(record.created_at):
                continue
            staged = row_of(record)
            if isinstance(staged, RejectedRecord):
                rejected.append(staged)
                continue
            counts.read[record.kind] += 1
            counts.notes.update(record.notes)
            row = (
                seq,
                record.kind.value,
                record.shape,
                record.external_id,
                record.parent_id,
                staged.payload,
                staged.digest,
                record.created_at,
                record.updated_at,
                record.completeness,
                list(record.notes),
            )
            copy.write_row(row)
            read += 1
            if read % PROGRESS_EVERY == 0:
                progress(read)
    progress(read)
    return rejected, places


def _store_rejected(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, rejected: list[RejectedRecord]
) -> None:
    # The table says what is wrong with the source now, not what once was.
    connection.execute("DELETE FROM rejected_records WHERE source_id = %s", (source_id,))
    connection.execute(STAGE_REJECTED)
    with connection.cursor().copy("COPY staged_rejected (file, line, reason, detail) FROM STDIN") as copy:
        for item in rejected:
            copy.write_row((item.file, item.line, item.reason, item.detail))
    connection.execute(INSERT_REJECTED, (tenant_id, source_id))
