"""What PostgreSQL knows of a store: which vectors are there, in which version, and whether search may ask it."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

SPACES = """
SELECT s.id FROM embedding_spaces s
WHERE s.status IN ('active', 'building') OR (s.status <> 'retired' AND EXISTS (
  SELECT FROM vector_store_spaces v WHERE v.store_id = %(store)s AND v.space_id = s.id))
ORDER BY s.status = 'active' DESC, s.id
"""
GONE_SPACES = """
SELECT v.space_id, v.collection FROM vector_store_spaces v
LEFT JOIN embedding_spaces s ON s.id = v.space_id AND s.status <> 'retired'
WHERE v.store_id = %(store)s AND s.id IS NULL
"""
EVERY_SPACE = "SELECT space_id, collection FROM vector_store_spaces WHERE store_id = %(store)s ORDER BY space_id"
ENSURE = """
INSERT INTO vector_store_spaces (store_id, space_id, tenant_id, collection, reason)
VALUES (%(store)s, %(space)s, %(tenant)s, %(collection)s, 'it is being filled for the first time')
ON CONFLICT (store_id, space_id) DO UPDATE SET collection = excluded.collection
"""
UNFINISHED = """
UPDATE vector_store_spaces SET ready = false, reason = %(reason)s WHERE store_id = %(store)s AND space_id = %(space)s
"""
READY = """
UPDATE vector_store_spaces SET ready = true, reason = NULL, recall = %(recall)s, compared_at = now()
WHERE store_id = %(store)s AND space_id = %(space)s
"""
STATE = "SELECT collection, ready, reason FROM vector_store_spaces WHERE store_id = %(store)s AND space_id = %(space)s"
FORGET = "DELETE FROM vector_store_spaces WHERE store_id = %(store)s AND space_id = %(space)s"
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
DISTRUST = """
UPDATE vector_store_rows r SET version = '-infinity' WHERE r.store_id = %(store)s AND r.space_id = %(space)s
  AND EXISTS (SELECT FROM chunks c WHERE c.source_id = %(source)s AND c.content_hash = r.content_hash)
"""
GONE = """
SELECT r.content_hash FROM vector_store_rows r
WHERE r.store_id = %(store)s AND r.space_id = %(space)s AND NOT EXISTS (
  SELECT FROM embeddings e WHERE e.space_id = r.space_id AND e.content_hash = r.content_hash)
"""
MARK = """
INSERT INTO vector_store_rows (store_id, space_id, tenant_id, content_hash, version)
SELECT %(store)s, %(space)s, %(tenant)s, * FROM unnest(%(hashes)s::bytea[], %(versions)s::timestamptz[])
ON CONFLICT (store_id, space_id, content_hash) DO UPDATE SET version = excluded.version
"""
UNMARK = """
DELETE FROM vector_store_rows WHERE store_id = %(store)s AND space_id = %(space)s AND content_hash = ANY(%(hashes)s)
"""
HELD = "SELECT count(*) FROM vector_store_rows WHERE store_id = %(store)s AND space_id = %(space)s"
MISSING = """
SELECT count(*) FROM embeddings e LEFT JOIN vector_store_rows r
  ON r.store_id = %(store)s AND r.space_id = %(space)s AND r.content_hash = e.content_hash
WHERE e.space_id = %(space)s AND r.version IS DISTINCT FROM e.created_at
"""
# Right after a bulk load the planner knows nothing of the tables and would look up each row of one in the other.
BY_HASH = "SET LOCAL enable_nestloop = off"
STAGE = "CREATE TEMP TABLE IF NOT EXISTS staged_points (content_hash bytea) ON COMMIT DROP"
LOSE = """
DELETE FROM vector_store_rows r WHERE r.store_id = %(store)s AND r.space_id = %(space)s
  AND NOT EXISTS (SELECT FROM staged_points p WHERE p.content_hash = r.content_hash)
"""
# Of an unknown age: written anew where the vector is still there, removed where it is not.
FIND = """
INSERT INTO vector_store_rows (store_id, space_id, tenant_id, content_hash, version)
SELECT DISTINCT %(store)s::bigint, %(space)s::bigint, %(tenant)s::integer, content_hash, '-infinity'::timestamptz
FROM staged_points ON CONFLICT DO NOTHING
"""
# Of pgvector's halfvec on the wire: two bytes of dimensions, two unused, then halves.
HEAD = 4


@dataclass(frozen=True, slots=True)
class Mirror:
    """A space in a store: what the statements of this module are about."""

    store_id: int
    space_id: int
    tenant_id: int

    def values(self, **more: Any) -> dict[str, Any]:
        """The parameters of a statement."""
        return {"store": self.store_id, "space": self.space_id, "tenant": self.tenant_id, **more}


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


def work(connection: "psycopg.Connection[Any]", mirror: Mirror, source_id: int) -> Work:
    """What a source's vectors in a space need."""
    connection.execute(BY_HASH)
    row = connection.execute(WORK, mirror.values(source=source_id)).fetchone()
    return Work(*row) if row else Work(0, 0, 0)


def pending(connection: "psycopg.Connection[Any]", mirror: Mirror, source_id: int, size: int) -> Generator[Rows]:
    """A source's vectors that the store lacks or has otherwise, `size` at a time, by a cursor on the server."""
    connection.execute(BY_HASH)
    with connection.cursor(name="pending_points", binary=True) as cursor:
        cursor.execute(PENDING, mirror.values(source=source_id))
        while found := cursor.fetchmany(size):
            yield Rows(
                [bytes(row[0]) for row in found], halves([bytes(row[1]) for row in found]), [row[2] for row in found]
            )


def halves(raw: Sequence[bytes]) -> NDArray[np.float32]:
    """Vectors of shape (len(raw), dimensions) from pgvector's binary halfvecs."""
    joined = b"".join(item[HEAD:] for item in raw)
    return np.frombuffer(joined, dtype=">f2").reshape(len(raw), -1).astype(np.float32)


def gone(connection: "psycopg.Connection[Any]", mirror: Mirror) -> list[bytes]:
    """What the store holds and PostgreSQL does not any more."""
    connection.execute(BY_HASH)
    return [bytes(row[0]) for row in connection.execute(GONE, mirror.values())]


def mark(connection: "psycopg.Connection[Any]", mirror: Mirror, rows: Rows) -> None:
    """Write down that the store has these now."""
    connection.execute(MARK, mirror.values(hashes=rows.hashes, versions=rows.versions))


def unmark(connection: "psycopg.Connection[Any]", mirror: Mirror, hashes: Sequence[bytes]) -> None:
    """Write down that the store has these no longer."""
    connection.execute(UNMARK, mirror.values(hashes=list(hashes)))


def held(connection: "psycopg.Connection[Any]", mirror: Mirror) -> int:
    """How many points the store should hold by our own book."""
    return _count(connection, HELD, mirror)


def missing(connection: "psycopg.Connection[Any]", mirror: Mirror) -> int:
    """How many of the space's vectors, of all sources, the store lacks or has otherwise."""
    return _count(connection, MISSING, mirror)


def correct(connection: "psycopg.Connection[Any]", mirror: Mirror, present: Iterator[list[bytes]]) -> None:
    """Make the book say what the store really holds; `present` are its content hashes, page by page."""
    connection.execute(STAGE)
    with connection.cursor().copy("COPY staged_points (content_hash) FROM STDIN") as copy:
        for page in present:
            for digest in page:
                copy.write_row((digest,))
    connection.execute(BY_HASH)
    connection.execute(LOSE, mirror.values())
    connection.execute(FIND, mirror.values())
    connection.commit()


def state(connection: "psycopg.Connection[Any]", store_id: int, space_id: int) -> tuple[str, bool, str | None] | None:
    """Collection, whether search may ask for the space, and why not; None where the store never had it."""
    row = connection.execute(STATE, {"store": store_id, "space": space_id}).fetchone()
    return (row[0], row[1], row[2]) if row else None


def _count(connection: "psycopg.Connection[Any]", statement: str, mirror: Mirror) -> int:
    connection.execute(BY_HASH)
    row = connection.execute(statement, mirror.values()).fetchone()
    return int(row[0]) if row else 0
