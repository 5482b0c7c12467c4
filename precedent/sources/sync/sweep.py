"""A sweep of a stream: everything that the server lists, compared with everything that is held.

What is listed and not held is fetched, what is listed and has a tombstone comes back, what differs is read again, and
what is held and not listed gets a tombstone where the server, asked for it alone, does not have it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import psycopg

from precedent.errors import NotThere
from precedent.sources.records import RawKind, RawRecord, RejectedRecord, payload_hash
from precedent.sources.source import Listed, LiveSource, Stream

AT_ONCE = 200
LISTED = "CREATE TEMP TABLE IF NOT EXISTS listed_ids (kind text, external_id text, PRIMARY KEY (kind, external_id))"
# What a listing shows in full is compared by its digest, so that a change that the server gives no date is found too.
DIFFERING = """
WITH shown AS (
  SELECT * FROM unnest(%(kinds)s::text[], %(ids)s::text[], %(hashes)s::bytea[], %(changed)s::timestamptz[])
    WITH ORDINALITY AS s (kind, external_id, hash, changed, place)),
added AS (
  INSERT INTO listed_ids SELECT kind, external_id FROM shown ON CONFLICT DO NOTHING)
SELECT s.place FROM shown s
LEFT JOIN raw_items r ON r.source_id = %(source)s AND r.kind = s.kind AND r.external_id = s.external_id
WHERE r.id IS NULL OR r.deleted_at IS NOT NULL OR r.payload_hash <> s.hash
   OR (s.hash IS NULL AND s.changed > r.updated_at)
ORDER BY s.place
"""
UNLISTED = """
SELECT r.kind, r.external_id FROM raw_items r
WHERE r.source_id = %(source)s AND r.stream = %(stream)s AND r.kind = ANY(%(kinds)s) AND r.deleted_at IS NULL
  AND r.fetched_at < %(before)s
  AND NOT EXISTS (SELECT FROM listed_ids l WHERE l.kind = r.kind AND l.external_id = r.external_id)
ORDER BY r.kind, r.external_id
"""

Store = Callable[[Iterable[RawRecord | RejectedRecord]], None]


def store_differing(
    connection: "psycopg.Connection[Any]", source_id: int, live: LiveSource, stream: Stream, store: Store
) -> list[tuple[RawKind, str]]:
    """Read the full listing and store what it has and the source has not, or has otherwise; commits as it goes.

    Args:
        connection: As the source's tenant.
        source_id: The source.
        live: The server.
        stream: A stream that sweeps.
        store: Writes records in the transaction of the connection.

    Returns:
        What is held and not listed, except what was fetched since the listing began.
    """
    connection.execute(LISTED)
    connection.execute("TRUNCATE listed_ids")
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    connection.commit()
    try:
        listing = live.full_listing(stream)
        while batch := list(islice(listing, AT_ONCE)):
            for listed in _differing(connection, source_id, batch):
                store(_records(live, stream, listed))
            connection.commit()
        return _unlisted(connection, source_id, stream, row[0])
    finally:
        # The connection goes back to a pool that serves other tenants.
        if not connection.closed:
            connection.rollback()
            connection.execute("DROP TABLE IF EXISTS listed_ids")
            connection.commit()


def _differing(connection: "psycopg.Connection[Any]", source_id: int, batch: Sequence[Listed]) -> list[Listed]:
    """Those of a batch that are not held as they are listed; all of it counts as listed from now on."""
    values = {
        "source": source_id,
        "kinds": [listed.kind.value for listed in batch],
        "ids": [listed.external_id for listed in batch],
        "hashes": [_digest(listed.record) for listed in batch],
        "changed": [listed.changed for listed in batch],
    }
    return [batch[place - 1] for (place,) in connection.execute(DIFFERING, values).fetchall()]


def _digest(record: RawRecord | None) -> bytes | None:
    """As it is stored; None for a payload that is no JSON, which storing rejects with its reason."""
    try:
        return None if record is None else payload_hash(record.shape, record.payload_json())
    except (TypeError, ValueError, RecursionError):
        return None


def _records(live: LiveSource, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
    try:
        yield from live.item(stream, listed)
    except NotThere:
        return  # gone since it was listed


def _unlisted(
    connection: "psycopg.Connection[Any]", source_id: int, stream: Stream, before: datetime
) -> list[tuple[RawKind, str]]:
    kinds = [kind.value for kind in stream.kinds]
    values = {"source": source_id, "stream": stream.name, "kinds": kinds, "before": before}
    return [(RawKind(kind), name) for kind, name in connection.execute(UNLISTED, values)]
