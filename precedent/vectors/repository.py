"""Vectors in pgvector: one row per distinct text and space, written by binary COPY and one upsert."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

# Of chunks `c`: those that are cut as the space needs them.
IN_CUT = "c.cut = (SELECT cut FROM embedding_spaces WHERE id = %(space)s)"
PENDING = f"""
SELECT DISTINCT c.content_hash, c.tokens FROM chunks c
WHERE c.source_id = %(source)s AND {IN_CUT}
  AND NOT EXISTS (
  SELECT FROM embeddings e WHERE e.space_id = %(space)s AND e.content_hash = c.content_hash)
ORDER BY c.tokens DESC, c.content_hash
"""  # noqa: S608 - IN_CUT is a constant
READ_TEXTS = """
SELECT DISTINCT ON (content_hash) content_hash, text FROM chunks WHERE content_hash = ANY(%s)
ORDER BY content_hash
"""
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_embeddings (content_hash bytea, embedding halfvec) ON COMMIT DELETE ROWS
"""
INSERT = """
INSERT INTO embeddings (space_id, tenant_id, content_hash, embedding)
SELECT %(space)s, %(tenant)s, content_hash, embedding FROM staged_embeddings
"""
UPSERT = f"""{INSERT}
ON CONFLICT (space_id, content_hash) DO UPDATE SET embedding = excluded.embedding, created_at = now()
"""
CLEAR_FAILURES = """
DELETE FROM embedding_failures f USING staged_embeddings s
WHERE f.space_id = %s AND f.content_hash = s.content_hash
"""
FAIL = """
INSERT INTO embedding_failures (space_id, tenant_id, content_hash, error)
SELECT %(space)s, %(tenant)s, unnest(%(hashes)s::bytea[]), %(error)s
ON CONFLICT (space_id, content_hash) DO UPDATE SET
  attempts = embedding_failures.attempts + 1, error = excluded.error, failed_at = now()
"""
# A vector without a passage leaves the searched partition and is kept in the cache.
REMOVE_ORPHANS = f"""
WITH gone AS (
  DELETE FROM embeddings e WHERE e.space_id = %(space)s AND NOT EXISTS (
    SELECT FROM chunks c WHERE c.content_hash = e.content_hash
      AND {IN_CUT})
  RETURNING space_id, tenant_id, content_hash, embedding)
INSERT INTO embedding_cache (space_id, tenant_id, content_hash, embedding) SELECT * FROM gone
ON CONFLICT (space_id, content_hash) DO UPDATE SET embedding = excluded.embedding, removed_at = now()
"""  # noqa: S608 - IN_CUT is a constant
RESTORE = f"""
WITH back AS (
  DELETE FROM embedding_cache k WHERE k.space_id = %(space)s AND EXISTS (
    SELECT FROM chunks c WHERE c.source_id = %(source)s AND c.content_hash = k.content_hash
      AND {IN_CUT})
  RETURNING space_id, tenant_id, content_hash, embedding)
INSERT INTO embeddings (space_id, tenant_id, content_hash, embedding) SELECT * FROM back
ON CONFLICT (space_id, content_hash) DO NOTHING
"""  # noqa: S608 - IN_CUT is a constant
REMOVE_ORPHAN_FAILURES = """
DELETE FROM embedding_failures f WHERE f.space_id = %(space)s
  AND NOT EXISTS (SELECT FROM chunks c WHERE c.content_hash = f.content_hash)
"""
MANIFEST = f"""
SELECT count(*), encode(sha256(coalesce(string_agg(h, ''::bytea ORDER BY h), ''::bytea)), 'hex')
FROM (SELECT DISTINCT c.content_hash AS h FROM chunks c
      JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
      WHERE c.source_id = %(source)s AND {IN_CUT}) held
"""  # noqa: S608 - IN_CUT is a constant
COVERAGE = f"""
SELECT count(*), count(e.content_hash), count(f.content_hash)
FROM chunks c
LEFT JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
LEFT JOIN embedding_failures f ON f.space_id = %(space)s AND f.content_hash = c.content_hash
WHERE c.source_id = %(source)s AND {IN_CUT}
"""  # noqa: S608 - IN_CUT is a constant


@dataclass(frozen=True, slots=True)
class PendingText:
    """A distinct text without a vector, and its length in tokens."""

    content_hash: bytes
    tokens: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Chunks of a source: all, with a vector, and failed at the last try."""

    chunks: int
    embedded: int
    failed: int

    @property
    def share(self) -> float:
        """Share of chunks with a vector, 0 to 1; 1 where there are no chunks."""
        return self.embedded / self.chunks if self.chunks else 1.0


def pending(connection: "psycopg.Connection[Any]", source_id: int, space_id: int) -> list[PendingText]:
    """What has no vector yet, longest first."""
    rows = connection.execute(PENDING, {"source": source_id, "space": space_id})
    return [PendingText(bytes(digest), tokens) for digest, tokens in rows]


def read_texts(connection: "psycopg.Connection[Any]", hashes: Sequence[bytes]) -> dict[bytes, str]:
    """The texts of these hashes; one that has gone meanwhile is left out."""
    return {bytes(digest): text for digest, text in connection.execute(READ_TEXTS, (list(hashes),))}


def save(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    space_id: int,
    hashes: Sequence[bytes],
    vectors: NDArray[np.float32],
) -> None:
    """Store vectors; the caller commits.

    Args:
        connection: Bound to the tenant.
        tenant_id: Whose.
        space_id: Of their space.
        hashes: SHA-256 of their texts.
        vectors: Shape (len(hashes), dimensions), float32; stored in half precision.

    Raises:
        psycopg.errors.CheckViolation: a vector is zero, not finite or of another dimension than its space.
    """
    connection.execute(STAGE)
    with connection.cursor().copy(
        "COPY staged_embeddings (content_hash, embedding) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.write(binary_rows(hashes, vectors))
    values = {"space": space_id, "tenant": tenant_id}
    try:
        # What is pending is new: the slower statement is needed only where another run was quicker.
        with connection.transaction():
            connection.execute(INSERT, values)
    except psycopg.errors.UniqueViolation:
        connection.execute(UPSERT, values)
    connection.execute(CLEAR_FAILURES, (space_id,))


def binary_rows(hashes: Sequence[bytes], vectors: NDArray[np.float32]) -> bytes:
    """PostgreSQL's binary COPY of (bytea, halfvec) rows: header, rows, trailer.

    `vectors` has shape (len(hashes), dimensions).
    """
    dimensions = vectors.shape[1]
    halves = vectors.astype(">f2")
    head = struct.Struct(">hi")
    body = struct.pack(">ihh", 4 + 2 * dimensions, dimensions, 0)
    parts = [b"PGCOPY\n\xff\r\n\0", struct.pack(">ii", 0, 0)]
    for digest, row in zip(hashes, halves, strict=True):
        parts += (head.pack(2, len(digest)), digest, body, row.tobytes())
    parts.append(struct.pack(">h", -1))
    return b"".join(parts)


def halves(values: Sequence[bytes]) -> NDArray[np.float32]:
    """Vectors of equal dimension from pgvector's binary halfvecs, shape (len(values), dimensions).

    On the wire each is two counts of 16 bits (dimensions, and one that is unused), then big-endian values.
    """
    if not values:
        return np.empty((0, 0), np.float32)
    joined = np.frombuffer(b"".join(values), dtype=">f2").reshape(len(values), -1)
    return joined[:, 2:].astype(np.float32)


def save_failure(
    connection: "psycopg.Connection[Any]", tenant_id: int, space_id: int, hashes: Sequence[bytes], error: str
) -> None:
    """Record texts that could not be embedded; the next run tries them again."""
    connection.execute(FAIL, {"space": space_id, "tenant": tenant_id, "hashes": list(hashes), "error": error[:500]})


def restore(connection: "psycopg.Connection[Any]", source_id: int, space_id: int) -> int:
    """Bring back the vectors of passages that were gone and have returned; says how many."""
    return connection.execute(RESTORE, {"source": source_id, "space": space_id}).rowcount


def remove_orphans(connection: "psycopg.Connection[Any]", space_id: int) -> int:
    """Move vectors that no chunk of the tenant refers to into the cache; returns how many."""
    connection.execute(REMOVE_ORPHAN_FAILURES, {"space": space_id})
    return connection.execute(REMOVE_ORPHANS, {"space": space_id}).rowcount


def manifest(connection: "psycopg.Connection[Any]", source_id: int, space_id: int) -> tuple[int, str]:
    """Distinct vectors of a source and the digest of their content hashes."""
    row = connection.execute(MANIFEST, {"source": source_id, "space": space_id}).fetchone()
    return (row[0], row[1]) if row else (0, "")


def coverage(connection: "psycopg.Connection[Any]", source_id: int, space_id: int) -> Coverage:
    """How many of a source's chunks have their vector in a space."""
    row = connection.execute(COVERAGE, {"source": source_id, "space": space_id}).fetchone()
    return Coverage(*row) if row else Coverage(0, 0, 0)
