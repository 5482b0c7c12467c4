"""The nearest vectors of a space, by its index as search asks it, and by looking at every one."""

import contextlib
import json
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.search.dense import EF_SEARCH
from precedent.vectors import index as vector_index
from precedent.vectors.index import DISTANCE
from precedent.vectors.space import Space

Connection = psycopg.Connection[Any]

NEAREST = f"""
SELECT {DISTANCE} AS distance FROM embeddings e WHERE e.space_id = %(space)s ORDER BY distance LIMIT %(limit)s
"""  # noqa: S608 - the interpolated expression is a constant
# Which no index can serve, for the added zero. PostgreSQL 18 takes the index even with enable_indexscan off.
EXACT = f"""
SELECT ({DISTANCE}) + 0 AS distance FROM embeddings e WHERE e.space_id = %(space)s ORDER BY distance LIMIT %(limit)s
"""  # noqa: S608 - the interpolated expression is a constant


def uses_index(connection: Connection, space: Space, query: NDArray[np.float32], k: int) -> bool:
    """Whether the planner answers from the approximate index; it may be absent, or not worth its while."""
    statement = f"EXPLAIN (FORMAT JSON) {NEAREST.format(dimensions=space.profile.dimensions)}"
    with vector_index.used(connection, EF_SEARCH):
        row = connection.execute(statement, _values(space, query, k)).fetchone()
    return "_hnsw" in json.dumps(row[0]) if row else False


def distances(
    connection: Connection, space: Space, query: NDArray[np.float32], k: int, *, exact: bool
) -> NDArray[np.float64]:
    """Cosine distances of the k nearest vectors, ascending, shape (min(k, rows),).

    Args:
        connection: Bound to the tenant, in a transaction, whose settings it changes.
        space: Where.
        query: Shape (dimensions,).
        k: How many.
        exact: Look at every vector, whatever index there is.
    """
    statement = (EXACT if exact else NEAREST).format(dimensions=space.profile.dimensions)
    with contextlib.nullcontext() if exact else vector_index.used(connection, EF_SEARCH):
        found = connection.execute(statement, _values(space, query, k)).fetchall()
    return np.sort(np.array([row[0] for row in found], dtype=np.float64))


def _values(space: Space, query: NDArray[np.float32], k: int) -> dict[str, Any]:
    return {"vector": vector_index.literal(query), "space": space.id, "limit": k}
