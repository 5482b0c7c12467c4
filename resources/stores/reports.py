"""Quality reports, and the samples they are made from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

SAVE = """
INSERT INTO quality_reports (tenant_id, source_id, space_id, manifest, score, passed, measures, gates, plot)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
LATEST = """
SELECT space_id, manifest, score, passed, measures, gates, created_at, plot FROM quality_reports
WHERE source_id = %s ORDER BY created_at DESC, id DESC LIMIT 1
"""
OWN = """
SELECT DISTINCT ON (c.content_hash) c.content_hash, e.embedding::text
FROM chunks c JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE c.source_id = %(source)s
"""
# A sample that the rows themselves decide: the same rows give the same sample, and so the same report.
SAMPLE = """
SELECT content_hash, text, kind, embedding::text FROM (
  SELECT DISTINCT ON (c.content_hash) c.content_hash, c.text, d.kind, e.embedding
  FROM chunks c JOIN documents d ON d.id = c.document_id
  JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
  WHERE c.source_id = %(source)s ORDER BY c.content_hash) s
ORDER BY sha256(content_hash || %(seed)s::bytea) LIMIT %(limit)s
"""
# The first passage of documents with enough text below their title, and the vector stored for it.
PAIRS = """
SELECT d.title, c.text, e.embedding::text
FROM documents d
JOIN chunks c ON c.document_id = d.id AND c.ordinal = 0
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE d.source_id = %(source)s AND length(d.text) >= 80 AND length(d.title) >= 12
ORDER BY sha256(d.content_hash || %(seed)s::bytea) LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Report:
    """A stored quality report."""

    space_id: int
    manifest: str
    score: float
    passed: bool
    measures: dict[str, Any]
    gates: list[dict[str, Any]]
    created_at: datetime
    plot: bytes | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Passages with their stored vectors, shape (n, dimensions)."""

    hashes: list[bytes]
    texts: list[str]
    kinds: list[str]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TitleBody:
    """A document's title, its first passage, and the passage's stored vector, shape (dimensions,)."""

    title: str
    text: str
    vector: NDArray[np.float32]


def latest(connection: "psycopg.Connection[Any]", source_id: int) -> Report | None:
    """The newest report of a source."""
    row = connection.execute(LATEST, (source_id,)).fetchone()
    return Report(*row) if row else None


def save(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    space_id: int,
    *,
    manifest: str,
    score: float,
    passed: bool,
    measures: dict[str, Any],
    gates: list[dict[str, Any]],
    plot: bytes,
) -> None:
    """Add a report."""
    values = (
        tenant_id, source_id, space_id, manifest, score, passed, Jsonb(measures), Jsonb(gates), plot,
    )  # fmt: skip
    connection.execute(SAVE, values)


def stream_vectors(
    connection: "psycopg.Connection[Any]", source_id: int, space_id: int, batch: int = 2_000
) -> Iterator[tuple[list[bytes], NDArray[np.float32]]]:
    """All distinct vectors of a source in batches; memory does not grow with their number."""
    with connection.cursor(name="vectors") as cursor:
        cursor.execute(OWN, {"source": source_id, "space": space_id})
        while rows := cursor.fetchmany(batch):
            yield [bytes(row[0]) for row in rows], parse([row[1] for row in rows])


def sample(connection: "psycopg.Connection[Any]", source_id: int, space_id: int, limit: int, seed: str) -> Sample:
    """Up to `limit` distinct passages, chosen by hash."""
    rows = connection.execute(
        SAMPLE, {"source": source_id, "space": space_id, "limit": limit, "seed": seed.encode()}
    ).fetchall()
    return Sample(
        [bytes(row[0]) for row in rows], [row[1] for row in rows], [row[2] for row in rows],
        parse([row[3] for row in rows]),
    )  # fmt: skip


def title_body_pairs(
    connection: "psycopg.Connection[Any]", source_id: int, space_id: int, limit: int, seed: str
) -> list[TitleBody]:
    """Documents with enough of both, their first passage and its stored vector."""
    rows = connection.execute(
        PAIRS, {"source": source_id, "space": space_id, "limit": limit, "seed": seed.encode()}
    ).fetchall()
    return [TitleBody(title, text, parse([vector])[0]) for title, text, vector in rows]


def parse(texts: list[str]) -> NDArray[np.float32]:
    """Vectors from pgvector's text form, shape (n, dimensions)."""
    if not texts:
        return np.empty((0, 0), np.float32)
    return np.stack([np.array(text[1:-1].split(","), dtype=np.float32) for text in texts])
