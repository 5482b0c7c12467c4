"""How many of the nearest vectors search finds where it does not look at every one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

K = 10
BANDS = ((1_000, "under 1,000"), (10_000, "1,000 to 10,000"), (100_000, "10,000 to 100,000"))
LARGEST_BAND = "over 100,000"
# Two orders of summing the same products differ by less.
TIE = 1e-6


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
    """Recall at k by distance, as ann-benchmarks does: who is as near as the k-th counts, whichever it is.

    Args:
        found: For each query the distances that the index returned, ascending.
        exact: The same by exact search.
        rows: Vectors in the space.
        k: How many count.
    """
    shares = [
        float((near[:k] <= true[:k][-1] + TIE).sum()) / len(true[:k]) if len(true) else 1.0
        for near, true in zip(found, exact, strict=True)
    ]
    return Recall(
        indexed=True, rows=rows, band=band(rows), queries=len(shares),
        recall=float(np.mean(shares)) if shares else 1.0, worst=min(shares, default=1.0),
    )  # fmt: skip
