"""Whether the rows of a source fit together: vectors beside passages, passages beside documents."""

from dataclasses import dataclass
from typing import Any

import psycopg

VECTORS = """
SELECT count(*) AS vectors,
       count(*) FILTER (WHERE vector_dims(e.embedding) <> s.dimensions) AS other_dimensions,
       count(*) FILTER (WHERE l2_norm(e.embedding) < 1e-6) AS zero
FROM (SELECT DISTINCT content_hash FROM chunks WHERE source_id = %(source)s) c
JOIN embedding_spaces s ON s.id = %(space)s
JOIN embeddings e ON e.space_id = s.id AND e.content_hash = c.content_hash
"""
ORPHANS = """
SELECT
  (SELECT count(*) FROM documents d JOIN raw_items r ON r.id = d.raw_item_id
   WHERE d.source_id = %(source)s AND r.deleted_at IS NOT NULL) AS documents_of_deleted_items,
  (SELECT count(*) FROM raw_items r WHERE r.source_id = %(source)s AND r.deleted_at IS NULL
     AND r.kind NOT IN ('comment', 'deployment') AND NOT EXISTS (SELECT FROM documents d WHERE d.raw_item_id = r.id))
   AS items_without_document,
  (SELECT count(*) FROM documents d WHERE d.source_id = %(source)s
     AND NOT EXISTS (SELECT FROM chunks c WHERE c.document_id = d.id)) AS documents_without_chunk,
  (SELECT count(*) FROM embeddings e JOIN embedding_spaces s ON s.id = e.space_id AND s.status = 'active'
   WHERE NOT EXISTS (SELECT FROM chunks c WHERE c.content_hash = e.content_hash)) AS vectors_without_chunk
"""


Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class VectorCounts:
    """Distinct vectors of a source in a space, and those among them that must not exist."""

    vectors: int
    other_dimensions: int
    zero: int


@dataclass(frozen=True, slots=True)
class OrphanCounts:
    """Rows that lack their counterpart in the layer before or after."""

    documents_of_deleted_items: int
    items_without_document: int
    documents_without_chunk: int
    vectors_without_chunk: int


def vectors(connection: Connection, source_id: int, space_id: int) -> VectorCounts:
    """Count a source's vectors in a space."""
    row = connection.execute(VECTORS, {"source": source_id, "space": space_id}).fetchone()
    return VectorCounts(*row) if row else VectorCounts(0, 0, 0)


def orphans(connection: Connection, source_id: int) -> OrphanCounts:
    """Count the rows of a source that lack their counterpart."""
    row = connection.execute(ORPHANS, {"source": source_id}).fetchone()
    return OrphanCounts(*row) if row else OrphanCounts(0, 0, 0, 0)
