"""How many of the nearest vectors search finds where it does not look at every one."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.quality.measures.vector_shape import Vectors
from precedent.search.dense import EF_SEARCH
from precedent.vectors import index as vector_index
from precedent.vectors.index import DISTANCE
from precedent.vectors.space import Space

Connection = psycopg.Connection[Any]
K = 10
BANDS = ((1_000, "under 1,000"), (10_000, "1,000 to 10,000"), (100_000, "10,000 to 100,000"))
LARGEST_BAND = "over 100,000"
# Two orders of summing the same products differ by less.
TIE = 1e-6
NEAREST = f"""
SELECT {DISTANCE} AS distance FROM embeddings e WHERE e.space_id = %(space)s ORDER BY distance LIMIT %(limit)s
"""  # noqa: S608 - the interpolated expression is a constant
# Which no index can serve, for the added zero. PostgreSQL 18 takes the index even with enable_indexscan off.
EXACT = f"""
SELECT ({DISTANCE}) + 0 AS distance FROM embeddings e WHERE e.space_id = %(space)s ORDER BY distance LIMIT %(limit)s
"""  # noqa: S608 - the interpolated expression is a constant


@dataclass(frozen=True, slots=True)
class Recall:
    """The index of a space against exact search of it.

    Attributes:
        indexed: Whether an index answers; without one search is exact and recall is 1 by construction.
        rows: Vectors in the space, of all the tenant's sources.
        band: The band of size that it is in.
        queries: How many were asked.
        recall: Mean share of the ten nearest that were found.
        worst: The least share of one query.
    """

    indexed: bool
    rows: int
    band: str
    queries: int
    recall: float
    worst: float


def band(rows: int) -> str:
    """The band of size of a space."""
    return next((name for limit, name in BANDS if rows < limit), LARGEST_BAND)


def exact_search(rows: int) -> Recall:
    """What holds where every vector is looked at."""
    return Recall(indexed=False, rows=rows, band=band(rows), queries=0, recall=1.0, worst=1.0)


def recall(found: Sequence[NDArray[np.float64]], exact: Sequence[NDArray[np.float64]], rows: int, k: int = K) -> Recall:
    """Recall at k by distance, as ann-benchmarks does: a row as near as the k-th counts, whichever row it is.

    Args:
        found: For each query the distances that the index returned, ascending, shape (up to k,).
        exact: The same by exact search.
        rows: Vectors in the space.
        k: How many count.
    """
    shares = [
        float((near[:k] <= true[:k][-1] + TIE).sum()) / len(true[:k]) if len(true) else 1.0
        for near, true in zip(found, exact, strict=True)
    ]
    return Recall(
        indexed=True,
        rows=rows,
        band=band(rows),
        queries=len(shares),
        recall=float(np.mean(shares)) if shares else 1.0,
        worst=min(shares, default=1.0),
    )


def measure_recall(connection: Connection, space: Space, queries: Vectors) -> Recall | None:
    """Recall of a space's index for queries of shape (n, dimensions); None of an empty space."""
    rows = vector_index.state(connection, space.id).rows
    if not rows:
        return None
    if not len(queries) or not uses_index(connection, space, queries[0], K):
        return exact_search(rows)
    near, true = ([distances(connection, space, query, K, exact=exact) for query in queries] for exact in (False, True))
    return recall(near, true, rows)


def uses_index(connection: Connection, space: Space, query: NDArray[np.float32], k: int) -> bool:
    """True if the planner answers a query of shape (dimensions,) from the approximate index, rather than by a scan."""
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
