"""The vector leg of search: the documents whose passages are nearest to a query's vectors."""

from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from resources.stores.search_filters import Filters

# The filters come first and the scan is exact: a filter can make the answer smaller, never worse.
VECTOR = """
SELECT d.id, 1 - min(e.embedding <=> %(vector)s::halfvec) AS similarity
FROM documents d
JOIN chunks c ON c.document_id = d.id
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE {filters}
GROUP BY d.id ORDER BY similarity DESC, d.id LIMIT %(pool)s
"""
NEAREST = """
WITH nearest AS MATERIALIZED (
  SELECT e.content_hash, e.embedding <=> %(vector)s::halfvec AS distance FROM embeddings e
  WHERE e.space_id = %(space)s ORDER BY distance LIMIT %(chunks)s)
SELECT d.id, 1 - min(n.distance) AS similarity
FROM nearest n JOIN chunks c ON c.content_hash = n.content_hash JOIN documents d ON d.id = c.document_id
WHERE {filters}
GROUP BY d.id ORDER BY similarity DESC, d.id LIMIT %(pool)s
"""
OWN_VECTORS = """
SELECT e.embedding::vector FROM chunks c
JOIN embeddings e ON e.space_id = %(space)s AND e.content_hash = c.content_hash
WHERE c.document_id = %(document)s ORDER BY c.ordinal LIMIT %(limit)s
"""


def by_vector(
    connection: "psycopg.Connection[Any]",
    space_id: int,
    vectors: NDArray[np.float32],
    filters: Filters,
    pool: int,
) -> dict[int, float]:
    """The nearest documents by id, best first, with their cosine similarity.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        space_id: The space that `vectors` belong to.
        vectors: Shape (n, dimensions): a document's distance is its nearest chunk's to any of them.
        filters: What a result must be.
        pool: How many documents at most.
    """
    condition, values = filters.sql()
    statement = (VECTOR if filters.selective else NEAREST).format(filters=condition)
    best: dict[int, float] = {}
    for vector in vectors:
        literal = "[" + ",".join(f"{x:.7g}" for x in vector) + "]"
        parameters = {**values, "vector": literal, "space": space_id, "pool": pool, "chunks": 4 * pool}
        for item, similarity in connection.execute(statement, parameters):
            best[item] = max(best.get(item, -1.0), float(similarity))
    return dict(sorted(best.items(), key=lambda pair: -pair[1])[:pool])


def document_vectors(
    connection: "psycopg.Connection[Any]", space_id: int, document_id: int, limit: int = 4
) -> NDArray[np.float32] | None:
    """A document's own first vectors, shape (n, dimensions); None where it has none."""
    from pgvector import Vector

    rows = connection.execute(OWN_VECTORS, {"space": space_id, "document": document_id, "limit": limit}).fetchall()
    if not rows:
        return None
    return np.stack([Vector.from_text(str(row[0])).to_numpy() for row in rows]).astype(np.float32)
