"""What a quality report reads: all vectors of a source once, and samples of its passages and documents."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.vectors.repository import halves
from precedent.vectors.space import Space

Connection = psycopg.Connection[Any]

# A vector belongs to a source if one of its passages, cut for the space, has its hash.
OF_SOURCE = """
FROM embeddings e WHERE e.space_id = %(space)s AND EXISTS (
  SELECT FROM chunks c WHERE c.source_id = %(source)s AND c.cut = %(cut)s AND c.content_hash = e.content_hash)
"""
# The vectors themselves and not only whose they are: rows that were swapped since must be looked at again. Twice 64
# bits, in any order of rows: to sort 100,000 digests would take twice as long as all the rest.
DIGEST = f"""
SELECT count(*), lpad(to_hex(bit_xor(hash_record_extended(r, 0))), 16, '0')
                 || lpad(to_hex(bit_xor(hash_record_extended(r, 1))), 16, '0')
FROM (SELECT ROW(e.content_hash, halfvec_send(e.embedding)) AS r {OF_SOURCE}) held
"""  # noqa: S608 - the interpolated text is a constant of this module
STREAM = f"SELECT e.content_hash, e.embedding, e.created_at > %(since)s {OF_SOURCE}"
KINDS = """
SELECT DISTINCT ON (c.content_hash) c.content_hash, d.kind FROM chunks c JOIN documents d ON d.id = c.document_id
WHERE c.source_id = %(source)s AND c.cut = %(cut)s AND c.content_hash = ANY(%(hashes)s)
ORDER BY c.content_hash, d.id
"""
# The first passage of documents with enough text below their title, and the vector stored for it.
PAIRS = """
SELECT d.title, c.text, e.embedding
FROM documents d
JOIN chunks c ON c.document_id = d.id AND c.comment_id IS NULL AND c.ordinal = 0 AND c.cut = %(cut)s
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE d.source_id = %(source)s AND length(d.text) >= 80 AND length(d.title) >= 12
  -- An id that stands in the place of a title says nothing about the body.
  AND d.title <> d.external_id
ORDER BY sha256(d.content_hash || %(seed)s::bytea) LIMIT %(limit)s
"""
TOKENS = """
SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(greatest(tokens - %(window)s, 0)), 0)
FROM chunks WHERE source_id = %(source)s AND cut = %(cut)s
"""
# One step after the other: in one statement the planner joins before it samples.
DOCUMENT_IDS = """
SELECT id FROM documents WHERE source_id = %(source)s
ORDER BY sha256(content_hash || %(seed)s::bytea) LIMIT %(limit)s
"""
DOCUMENTS = "SELECT id, title, text FROM documents WHERE id = ANY(%s) ORDER BY id"
PASSAGES = """
SELECT document_id, text FROM chunks
WHERE document_id = ANY(%(ids)s) AND comment_id IS NULL AND cut = %(cut)s ORDER BY document_id, ordinal
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Vectors as they are stored: hashes of their texts, shape (n, dimensions), and which are new."""

    hashes: list[bytes]
    vectors: NDArray[np.float32]
    new: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TitleBody:
    """A document's title, its first passage, and the passage's stored vector, shape (dimensions,)."""

    title: str
    text: str
    vector: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document and the passages it was cut into."""

    title: str
    text: str
    passages: list[str]


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Passages of a source, their tokens, and those tokens that lie beyond the model's window."""

    passages: int
    tokens: int
    beyond: int


def digest(connection: Connection, source_id: int, space: Space) -> tuple[int, str]:
    """How many vectors a source has in a space, and a digest of them and their texts."""
    row = connection.execute(DIGEST, _values(source_id, space)).fetchone()
    return (row[0], row[1] or "") if row else (0, "")


def stream(
    connection: Connection,
    source_id: int,
    space: Space,
    since: datetime | None = None,
    batch: int = 2_000,
) -> Iterator[Batch]:
    """All distinct vectors of a source, in batches of equal dimension; memory does not grow with their number.

    Args:
        connection: Bound to the tenant.
        source_id: Whose.
        space: Where.
        since: Those stored after that moment are new; without one, none is.
        batch: Rows a batch at most.
    """
    # In binary: parsing pgvector's text costs more than all measures of it.
    with connection.cursor(name="vectors", binary=True) as cursor:
        cursor.execute(STREAM, {**_values(source_id, space), "since": since})
        while rows := cursor.fetchmany(batch):
            for size in sorted({len(row[1]) for row in rows}):
                alike = [row for row in rows if len(row[1]) == size]
                yield Batch(
                    [bytes(row[0]) for row in alike],
                    halves([row[1] for row in alike]),
                    np.array([bool(row[2]) for row in alike]),
                )


def kinds(connection: Connection, source_id: int, space: Space, hashes: Sequence[bytes]) -> dict[bytes, str]:
    """What the documents of these passages are."""
    rows = connection.execute(KINDS, {**_values(source_id, space), "hashes": list(hashes)})
    return {bytes(digest): kind for digest, kind in rows}


def title_body_pairs(connection: Connection, source_id: int, space: Space, limit: int, seed: str) -> list[TitleBody]:
    """At most `limit` documents with enough of both, chosen by hash and `seed`, with their first passage's vector."""
    values = {**_values(source_id, space), "limit": limit, "seed": seed.encode()}
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(PAIRS, values).fetchall()
    return [TitleBody(title, text, halves([vector])[0]) for title, text, vector in rows]


def tokens(connection: Connection, source_id: int, space: Space, window: int) -> TokenSums:
    """How many tokens the passages have by their stored counts."""
    row = connection.execute(TOKENS, {**_values(source_id, space), "window": window}).fetchone()
    return TokenSums(int(row[0]), int(row[1]), int(row[2])) if row else TokenSums(0, 0, 0)


def documents(
    connection: Connection, source_id: int, space: Space, limit: int, seed: str, prepare: Callable[[str], str]
) -> list[CutDocument]:
    """At most `limit` documents, chosen by their hash and `seed`, each with its passages in order.

    Args:
        connection: Bound to the tenant.
        source_id: Whose.
        space: Whose passages.
        limit: How many documents.
        seed: Which of them.
        prepare: What titles and texts went through before they were cut.
    """
    values = {**_values(source_id, space), "limit": limit, "seed": seed.encode()}
    ids = [row[0] for row in connection.execute(DOCUMENT_IDS, values)]
    passages: dict[int, list[str]] = {number: [] for number in ids}
    for number, passage in connection.execute(PASSAGES, {"ids": ids, "cut": space.profile.cut}):
        passages[number].append(passage)
    found = connection.execute(DOCUMENTS, (ids,))
    return [CutDocument(prepare(title), prepare(text), passages[number]) for number, title, text in found]


def _values(source_id: int, space: Space) -> dict[str, Any]:
    return {"source": source_id, "space": space.id, "cut": space.profile.cut}
