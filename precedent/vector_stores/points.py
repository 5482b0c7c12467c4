"""Which vectors a store holds, and in which version: the table `vector_store_rows`.

The caller commits.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.vector_stores.store_spaces import StoreSpace
from precedent.vectors.repository import halves

Connection = psycopg.Connection[Any]

OF_SOURCE = """
FROM (SELECT DISTINCT content_hash FROM chunks WHERE source_id = %(source)s) c
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
LEFT JOIN vector_store_rows r ON r.store_id = %(store)s AND r.space_id = %(space)s AND r.content_hash = e.content_hash
"""
WORK = f"""
SELECT count(*) FILTER (WHERE r.version IS NULL), count(*) FILTER (WHERE r.version <> e.created_at),
       count(*) FILTER (WHERE r.version = e.created_at) {OF_SOURCE}
"""
PENDING = f"""
SELECT e.content_hash, e.embedding, e.created_at {OF_SOURCE} WHERE r.version IS DISTINCT FROM e.created_at
"""  # noqa: S608 - the interpolated text is a constant of this module
MAKE_STALE = """
UPDATE vector_store_rows r SET version = '-infinity' WHERE r.store_id = %(store)s AND r.space_id = %(space)s
  AND EXISTS (SELECT FROM chunks c WHERE c.source_id = %(source)s AND c.content_hash = r.content_hash)
"""
GONE = """
SELECT r.content_hash FROM vector_store_rows r
WHERE r.store_id = %(store)s AND r.space_id = %(space)s AND NOT EXISTS (
  SELECT FROM embeddings e WHERE e.space_id = r.space_id AND e.content_hash = r.content_hash)
"""
SAVE = """
INSERT INTO vector_store_rows (store_id, space_id, tenant_id, content_hash, version)
SELECT %(store)s, %(space)s, %(tenant)s, * FROM unnest(%(hashes)s::bytea[], %(versions)s::timestamptz[])
ON CONFLICT (store_id, space_id, content_hash) DO UPDATE SET version = excluded.version
"""
DELETE = """
DELETE FROM vector_store_rows WHERE store_id = %(store)s AND space_id = %(space)s AND content_hash = ANY(%(hashes)s)
"""
COUNT = "SELECT count(*) FROM vector_store_rows WHERE store_id = %(store)s AND space_id = %(space)s"
COUNT_LACKING = """
SELECT count(*) FROM embeddings e LEFT JOIN vector_store_rows r
  ON r.store_id = %(store)s AND r.space_id = %(space)s AND r.content_hash = e.content_hash
WHERE e.space_id = %(space)s AND r.version IS DISTINCT FROM e.created_at
"""
# Right after a bulk load the planner knows nothing of the tables and would look up each row of one in the other.
BY_HASH = "SET LOCAL enable_nestloop = off"
STAGE = "CREATE TEMP TABLE IF NOT EXISTS staged_points (content_hash bytea) ON COMMIT DROP"
DELETE_ABSENT = """
DELETE FROM vector_store_rows r WHERE r.store_id = %(store)s AND r.space_id = %(space)s
  AND NOT EXISTS (SELECT FROM staged_points p WHERE p.content_hash = r.content_hash)
"""
# Of an unknown age: written anew where the vector is still there, removed where it is not.
ADD_FOUND = """
INSERT INTO vector_store_rows (store_id, space_id, tenant_id, content_hash, version)
SELECT DISTINCT %(store)s::bigint, %(space)s::bigint, %(tenant)s::integer, content_hash, '-infinity'::timestamptz
FROM staged_points ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Work:
    """Vectors of a source: not in the store, there in another version, and there as they are."""

    added: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Vectors of PostgreSQL: hashes, an array of shape (n, dimensions), and the moments they were written."""

    hashes: list[bytes]
    vectors: NDArray[np.float32]
    versions: list[datetime]

    def part(self, start: int, size: int) -> "Rows":
        """`size` rows from `start`."""
        own = slice(start, start + size)
        return Rows(self.hashes[own], self.vectors[own], self.versions[own])


def work(connection: Connection, this: StoreSpace, source_id: int) -> Work:
    """What a source's vectors in a space need."""
    connection.execute(BY_HASH)
    row = connection.execute(WORK, this.values(source=source_id)).fetchone()
    return Work(*row) if row else Work(0, 0, 0)


def pending(connection: Connection, this: StoreSpace, source_id: int, size: int) -> Generator[Rows]:
    """A source's vectors that the store lacks or has otherwise, `size` at a time, by a cursor on the server."""
    connection.execute(BY_HASH)
    with connection.cursor(name="pending_points", binary=True) as cursor:
        cursor.execute(PENDING, this.values(source=source_id))
        while found := cursor.fetchmany(size):
            yield Rows(
                [bytes(row[0]) for row in found], halves([bytes(row[1]) for row in found]), [row[2] for row in found]
            )


def make_stale(connection: Connection, this: StoreSpace, source_id: int) -> None:
    """Have all vectors of a source written anew."""
    connection.execute(MAKE_STALE, this.values(source=source_id))


def gone(connection: Connection, this: StoreSpace) -> list[bytes]:
    """Hashes of what the store holds and PostgreSQL does not any more."""
    connection.execute(BY_HASH)
    return [bytes(row[0]) for row in connection.execute(GONE, this.values())]


def save(connection: Connection, this: StoreSpace, rows: Rows) -> None:
    """Record that the store has these now."""
    connection.execute(SAVE, this.values(hashes=rows.hashes, versions=rows.versions))


def delete(connection: Connection, this: StoreSpace, hashes: Sequence[bytes]) -> None:
    """Record that the store has these no longer."""
    connection.execute(DELETE, this.values(hashes=list(hashes)))


def count(connection: Connection, this: StoreSpace) -> int:
    """How many points the store should hold by what is recorded."""
    return _count(connection, COUNT, this)


def count_lacking(connection: Connection, this: StoreSpace) -> int:
    """How many of the space's vectors, of all sources, the store lacks or has otherwise."""
    return _count(connection, COUNT_LACKING, this)


def replace(connection: Connection, this: StoreSpace, present: Iterable[list[bytes]]) -> None:
    """Record what the store really holds; `present` are its content hashes, page by page."""
    connection.execute(STAGE)
    with connection.cursor().copy("COPY staged_points (content_hash) FROM STDIN") as copy:
        for page in present:
            for digest in page:
                copy.write_row((digest,))
    connection.execute(BY_HASH)
    connection.execute(DELETE_ABSENT, this.values())
    connection.execute(ADD_FOUND, this.values())
    connection.commit()


def _count(connection: Connection, statement: str, this: StoreSpace) -> int:
    connection.execute(BY_HASH)
    row = connection.execute(statement, this.values()).fetchone()
    return int(row[0]) if row else 0
