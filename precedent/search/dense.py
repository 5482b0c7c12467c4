"""The vector leg of search: the documents whose passages are nearest to a query's vectors."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.search.filters import Filters
from precedent.vector_stores.nearest import Hits
from precedent.vectors import index as vector_index
from precedent.vectors.index import DISTANCE, EXACT_BELOW, LARGEST_EF_SEARCH

# How many documents a leg of search gathers, of which the best are shown.
POOL = 100
# How many passages an index looks at for each of those documents: it returns no more than it has looked at.
PASSAGES_PER_DOCUMENT = 4
EF_SEARCH = PASSAGES_PER_DOCUMENT * POOL
# The filters come first and the scan is exact: a filter can make the answer smaller, never worse.
EXACT = """
SELECT d.id, 1 - min(e.embedding <=> %(vector)s::halfvec) AS similarity
FROM documents d
JOIN chunks c ON c.document_id = d.id
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE {filters} AND {said}
GROUP BY d.id ORDER BY similarity DESC, d.id LIMIT %(pool)s
"""
NEAREST = f"""
WITH nearest AS MATERIALIZED (
  SELECT e.content_hash, {DISTANCE} AS distance
  FROM embeddings e WHERE e.space_id = %(space)s ORDER BY distance LIMIT %(chunks)s)
SELECT d.id, 1 - min(n.distance) AS similarity
FROM nearest n JOIN chunks c ON c.content_hash = n.content_hash JOIN documents d ON d.id = c.document_id
WHERE {{filters}} AND {{said}}
GROUP BY d.id ORDER BY similarity DESC, d.id LIMIT %(pool)s
"""  # noqa: S608 - the interpolated expression is a constant
# With filters the index goes on until enough passages pass, or until it has looked at as many as it may.
PASSING = f"""
WITH nearest AS MATERIALIZED (
  SELECT e.content_hash, {DISTANCE} AS distance
  FROM embeddings e WHERE e.space_id = %(space)s AND EXISTS (
    SELECT FROM chunks c JOIN documents d ON d.id = c.document_id
    WHERE c.content_hash = e.content_hash AND {{filters}} AND {{said}} OFFSET 0)
  ORDER BY distance LIMIT %(chunks)s)
SELECT d.id, 1 - min(n.distance) AS similarity
FROM nearest n JOIN chunks c ON c.content_hash = n.content_hash JOIN documents d ON d.id = c.document_id
WHERE {{filters}} AND {{said}}
GROUP BY d.id ORDER BY similarity DESC, d.id LIMIT %(pool)s
"""  # noqa: S608 - the interpolated expression is a constant
COUNT_PASSING = "SELECT count(*) FROM (SELECT FROM documents d WHERE {filters} LIMIT %(most)s) passing"
OF_HITS = """
SELECT d.id, max(h.similarity) AS similarity
FROM unnest(%(hashes)s::bytea[], %(similarities)s::float8[]) AS h (content_hash, similarity)
JOIN chunks c ON c.content_hash = h.content_hash JOIN documents d ON d.id = c.document_id
WHERE {filters} AND {said}
GROUP BY d.id ORDER BY similarity DESC, d.id LIMIT %(pool)s
"""
OWN_VECTORS = """
SELECT e.embedding::vector FROM chunks c
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE c.document_id = %(document)s AND c.comment_id IS NULL ORDER BY c.ordinal LIMIT %(limit)s
"""
# Of documents that were found: the comment that the nearest passage is of, if it is of one.
COMMENTS = """
SELECT document_id, comment_id FROM (
  SELECT DISTINCT ON (c.document_id) c.document_id, c.comment_id
  FROM chunks c JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
  CROSS JOIN unnest(%(vectors)s::halfvec[]) AS q (vector)
  WHERE c.document_id = ANY(%(documents)s) AND {said}
  ORDER BY c.document_id, e.embedding <=> q.vector, c.comment_id NULLS FIRST) nearest
WHERE comment_id IS NOT NULL
"""


def by_vector(
    connection: "psycopg.Connection[Any]",
    space_id: int,
    vectors: NDArray[np.float32],
    filters: Filters,
    pool: int,
    ef_search: int | None = None,
) -> dict[int, float]:
    """The nearest documents by id, best first, with their cosine similarity.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        space_id: The space that `vectors` belong to.
        vectors: Shape (n, dimensions): a document's distance is its nearest chunk's to any of them.
        filters: What a result must be.
        pool: How many documents at most.
        ef_search: How many passages an index gives, up to 1,000; by default four times the pool. With filters it goes
            on until so many pass. Without an index every passage is looked at.
    """
    search = _search(connection, space_id, filters, pool, ef_search)
    best: dict[int, float] = {}
    for vector in vectors:
        for item, similarity in search(vector):
            best[item] = max(best.get(item, -1.0), float(similarity))
    return dict(sorted(best.items(), key=lambda pair: -pair[1])[:pool])


def _search(
    connection: "psycopg.Connection[Any]", space_id: int, filters: Filters, pool: int, ef_search: int | None
) -> Callable[[NDArray[np.float32]], list[tuple[int, float]]]:
    """How one vector is searched: by the index where there is one and enough passes the filters, else exactly."""
    condition, values = filters.sql()
    indexed = vector_index.exists(connection, space_id)
    walks = indexed and (not filters.selective or _many_pass(connection, filters))
    looked_at = min(LARGEST_EF_SEARCH, ef_search or PASSAGES_PER_DOCUMENT * pool)

    def search(vector: NDArray[np.float32]) -> list[tuple[int, float]]:
        parts = {"filters": condition, "said": filters.said, "dimensions": len(vector)}
        parameters = {
            **values,
            "vector": vector_index.literal(vector),
            "space": space_id,
            "pool": pool,
            "chunks": looked_at,
        }
        if walks:
            statement = PASSING if filters.selective else NEAREST
            with vector_index.used(connection, looked_at):
                found = connection.execute(statement.format(**parts), parameters).fetchall()
            if not filters.selective or len(found) >= pool // 2:
                return found
        statement = EXACT if filters.selective else NEAREST
        return connection.execute(statement.format(**parts), parameters).fetchall()

    return search


def _many_pass(connection: "psycopg.Connection[Any]", filters: Filters) -> bool:
    """True if so many documents pass that to compare all of them takes longer than the walk through an index."""
    condition, values = filters.sql()
    row = connection.execute(COUNT_PASSING.format(filters=condition), {**values, "most": EXACT_BELOW}).fetchone()
    return bool(row and row[0] >= EXACT_BELOW)


def by_hits(
    connection: "psycopg.Connection[Any]", hits: Sequence[Hits], filters: Filters, pool: int
) -> dict[int, float] | None:
    """The nearest documents from what another store found, best first, with their cosine similarity.

    None where filters took so much of it that the passages here have to be compared instead.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        hits: For each vector of the query the nearest content hashes with their similarity.
        filters: What a result must be.
        pool: How many documents at most.
    """
    condition, values = filters.sql()
    best: dict[bytes, float] = {}
    for found in hits:
        for content_hash, similarity in found:
            best[content_hash] = max(best.get(content_hash, -1.0), similarity)
    parameters = {**values, "hashes": list(best), "similarities": list(best.values()), "pool": pool}
    rows = connection.execute(OF_HITS.format(filters=condition, said=filters.said), parameters).fetchall()
    if filters.selective and len(rows) < pool // 2:
        return None
    return {item: float(similarity) for item, similarity in rows}


def nearest_comments(
    connection: "psycopg.Connection[Any]",
    space_id: int,
    vectors: NDArray[np.float32],
    filters: Filters,
    documents: Sequence[int],
) -> dict[int, int]:
    """The comment that is nearest to a query, by document, of those documents of which it is the nearest passage.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        space_id: The space that `vectors` belong to.
        vectors: Shape (n, dimensions).
        filters: What results are.
        documents: Ids of documents that were found.
    """
    parameters: dict[str, object] = {
        "space": space_id,
        "vectors": [vector_index.literal(vector) for vector in vectors],
        "documents": list(documents),
        "before": filters.before,
    }
    return dict(connection.execute(COMMENTS.format(said=filters.said), parameters).fetchall())


def document_vectors(
    connection: "psycopg.Connection[Any]", space_id: int, document_id: int, limit: int = 4
) -> NDArray[np.float32] | None:
    """A document's own first vectors, shape (n, dimensions); None where it has none."""
    from pgvector import Vector

    rows = connection.execute(OWN_VECTORS, {"space": space_id, "document": document_id, "limit": limit}).fetchall()
    if not rows:
        return None
    return np.stack([Vector.from_text(str(row[0])).to_numpy() for row in rows]).astype(np.float32)
