"""Rows of a live source: one statement a page, and tombstones of what its server says is gone."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import psycopg

from precedent.clock import TimeBounds
from precedent.database.refusals import write_sound
from precedent.settings import DEFAULT_MAX_BODY_BYTES
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.sync.raw_items import SyncCounts
from precedent.sources.sync.rows import RawRow, refused, row_of

# What is known already is left alone, and an older payload that a lagging replica sent never replaces a newer one; a
# date that is still to come says nothing of what is newer.
UPSERT = """
INSERT INTO raw_items AS r (tenant_id, source_id, stream, kind, shape, external_id, parent_id, payload, payload_hash,
                            created_at, updated_at, notes)
SELECT %(tenant)s, %(source)s, %(stream)s, p.kind, p.shape, p.external_id, p.parent_id, p.payload::jsonb, p.hash,
       p.created_at, p.updated_at, ARRAY(SELECT jsonb_array_elements_text(p.notes::jsonb))
FROM unnest(%(kinds)s::text[], %(shapes)s::text[], %(ids)s::text[], %(parents)s::text[], %(payloads)s::text[],
            %(hashes)s::bytea[], %(created)s::timestamptz[], %(updated)s::timestamptz[], %(notes)s::text[])
  AS p (kind, shape, external_id, parent_id, payload, hash, created_at, updated_at, notes)
ON CONFLICT (source_id, kind, external_id) DO UPDATE SET
  stream = excluded.stream, shape = excluded.shape, parent_id = excluded.parent_id, payload = excluded.payload,
  payload_hash = excluded.payload_hash, created_at = excluded.created_at, updated_at = excluded.updated_at,
  notes = excluded.notes, fetched_at = now(), deleted_at = NULL
WHERE %(everything)s OR r.deleted_at IS NOT NULL OR (
  r.payload_hash <> excluded.payload_hash
  AND (excluded.updated_at IS NULL OR r.updated_at IS NULL OR r.updated_at > now()
       OR excluded.updated_at >= r.updated_at))
RETURNING kind, (xmax = 0) AS added
"""
REJECT = """
INSERT INTO rejected_records (tenant_id, source_id, file, line, reason, detail)
SELECT %(tenant)s, %(source)s, %(file)s, %(line)s, %(reason)s, %(detail)s
WHERE NOT EXISTS (SELECT FROM rejected_records WHERE source_id = %(source)s AND file = %(file)s
                    AND reason = %(reason)s AND detail = %(detail)s)
"""
DELETE_REJECTED = "DELETE FROM rejected_records WHERE source_id = %s"
# Comments on an item get their tombstone with it.
TOMBSTONE = """
UPDATE raw_items r SET deleted_at = now()
FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS g (kind, external_id)
WHERE r.source_id = %(source)s AND r.deleted_at IS NULL AND (
  (r.kind = g.kind AND r.external_id = g.external_id)
  OR (g.kind <> 'comment' AND r.kind = 'comment' AND r.parent_id = g.external_id))
RETURNING r.kind
"""
# The name ends where a character follows that no name holds, such as # or !.
RENAME = (
    """
UPDATE raw_items r SET external_id = %(new)s || substr(r.external_id, length(%(old)s) + 1)
WHERE r.source_id = %(source)s AND starts_with(r.external_id, %(old)s)
  AND substr(r.external_id, length(%(old)s) + 1, 1) ~ '[^[:alnum:]_./-]' AND NOT EXISTS (
  SELECT FROM raw_items o WHERE o.source_id = r.source_id AND o.kind = r.kind
    AND o.external_id = %(new)s || substr(r.external_id, length(%(old)s) + 1))
""",
    """
UPDATE raw_items SET parent_id = %(new)s || substr(parent_id, length(%(old)s) + 1)
WHERE source_id = %(source)s AND starts_with(parent_id, %(old)s)
  AND substr(parent_id, length(%(old)s) + 1, 1) ~ '[^[:alnum:]_./-]'
""",
    """
UPDATE documents d SET external_id = r.external_id FROM raw_items r
WHERE d.source_id = %(source)s AND r.id = d.raw_item_id AND d.external_id <> r.external_id
""",
)
HELD = """
SELECT count(*) FROM raw_items
WHERE source_id = %s AND stream = %s AND kind = ANY(%s) AND deleted_at IS NULL
"""


def store_page(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    stream: str,
    records: Iterable[RawRecord | RejectedRecord],
    counts: SyncCounts,
    *,
    bounds: TimeBounds | None = None,
    everything: bool = False,
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
) -> None:
    """Write a page in the caller's transaction and add to the counts; an id that comes twice counts once.

    Args:
        connection: As the source's tenant.
        tenant_id: The tenant.
        source_id: The source.
        stream: Where the page came from.
        records: A page's records; rejected ones are stored with their reason, once each.
        counts: What the sync has done so far; added to.
        bounds: Keep only what was created within.
        everything: Write what is unchanged too.
        max_body_bytes: Longer records are rejected, as those of files are.
    """
    kept: dict[tuple[RawKind, str], RawRecord] = {}
    for record in records:
        if isinstance(record, RejectedRecord):
            _reject(connection, tenant_id, source_id, record, counts)
        elif bounds is None or bounds.include(record.created_at):
            counts.read[record.kind] += 1
            counts.notes.update(record.notes)
            key = (record.kind, record.external_id)
            if key not in kept or _rank(record) >= _rank(kept[key]):
                kept[key] = record
    if not kept:
        return
    found = [row_of(record, max_body_bytes) for record in kept.values()]

    def write(rows: Sequence[RawRow]) -> None:
        records = [row.record for row in rows]
        written = connection.execute(
            UPSERT,
            {
                "tenant": tenant_id,
                "source": source_id,
                "stream": stream,
                "everything": everything,
                "kinds": [record.kind.value for record in records],
                "shapes": [record.shape for record in records],
                "ids": [record.external_id for record in records],
                "parents": [record.parent_id for record in records],
                "payloads": [row.payload for row in rows],
                "hashes": [row.digest for row in rows],
                "created": [record.created_at for record in records],
                "updated": [record.updated_at for record in records],
                "notes": [orjson.dumps(record.notes).decode() for record in records],
            },
        )
        unchanged = Counter(record.kind for record in records)
        for kind, added in written:
            (counts.added if added else counts.changed)[RawKind(kind)] += 1
            unchanged[RawKind(kind)] -= 1
        counts.unchanged.update(unchanged)

    rejected = [row for row in found if isinstance(row, RejectedRecord)]
    for row, error in write_sound(connection, [row for row in found if isinstance(row, RawRow)], write):
        rejected.append(refused(row.record.kind.value, row.record.external_id, error))
    for rejection in rejected:
        _reject(connection, tenant_id, source_id, rejection, counts)


def tombstone(
    connection: "psycopg.Connection[Any]", source_id: int, gone: Sequence[tuple[RawKind, str]]
) -> Counter[RawKind]:
    """Give items and the comments on them a tombstone; how many got one, by kind."""
    if not gone:
        return Counter()
    values = {"source": source_id, "kinds": [kind.value for kind, _ in gone], "ids": [name for _, name in gone]}
    return Counter(RawKind(kind) for (kind,) in connection.execute(TOMBSTONE, values))


def rename(connection: "psycopg.Connection[Any]", source_id: int, old: str, new: str) -> None:
    """Make ids that began with one name begin with another, in every layer that holds them."""
    for statement in RENAME:
        connection.execute(statement, {"source": source_id, "old": old, "new": new})


def delete_rejected(connection: "psycopg.Connection[Any]", source_id: int) -> None:
    """Begin the list of unreadable records anew."""
    connection.execute(DELETE_REJECTED, (source_id,))


def held(connection: "psycopg.Connection[Any]", source_id: int, stream: str, kinds: Iterable[RawKind]) -> int:
    """How many items of these kinds a stream has brought that are not marked as deleted."""
    row = connection.execute(HELD, (source_id, stream, [kind.value for kind in kinds])).fetchone()
    return row[0] if row else 0


def _rank(record: RawRecord) -> tuple[int, float]:
    return record.completeness, record.updated_at.timestamp() if record.updated_at else 0.0


def _reject(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, record: RejectedRecord, counts: SyncCounts
) -> None:
    counts.rejected += 1
    connection.execute(
        REJECT,
        {
            "tenant": tenant_id,
            "source": source_id,
            "file": record.file,
            "line": record.line,
            "reason": record.reason,
            "detail": record.detail,
        },
    )
