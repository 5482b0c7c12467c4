"""Whether vectors belong to their texts: stored ones against texts that are embedded again."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precedent.quality.measures.vector_shape import Vectors, normalised

CANARY_COSINE = 0.99


@dataclass(frozen=True, slots=True)
class Canary:
    """Stored vectors against the same texts embedded again now."""

    texts: int
    mean_cosine: float
    p1_cosine: float
    below: float


@dataclass(frozen=True, slots=True)
class TitleToBody:
    """Whether a title finds its own body among all sampled bodies.

    `chance` is what unrelated vectors reach on average, `chance_error` the standard deviation of that; titles with
    equal vectors count once in `distinct_titles`.
    """

    pairs: int
    mrr: float
    chance: float
    chance_error: float
    distinct_titles: int


def row_cosines(left: Vectors, right: Vectors) -> NDArray[np.float32]:
    """Cosine of each pair of rows, shape (n,); both inputs (n, dimensions)."""
    if left.shape != right.shape:
        return np.zeros(len(left), np.float32)
    return np.asarray((normalised(left) * normalised(right)).sum(axis=1), dtype=np.float32)


def canary(stored: Vectors, again: Vectors) -> Canary | None:
    """Compare stored vectors with fresh ones of the same texts, both (n, dimensions); None without texts.

    Half precision in storage costs less than 1e-5 of cosine; int8 weights cost five per cent.
    """
    if not len(stored):
        return None
    cosines = row_cosines(stored, again)
    return Canary(
        texts=len(cosines),
        mean_cosine=float(cosines.mean()),
        p1_cosine=float(np.quantile(cosines, 0.01)),
        below=float((cosines < CANARY_COSINE).mean()),
    )


def title_to_body(titles: Vectors, bodies: Vectors, cut: int = 10) -> TitleToBody | None:
    """Mean reciprocal rank, at `cut`, of each title's own body among all bodies, both (n, dimensions).

    Chance is the value that random vectors would reach: the own body's rank is then uniform from 1 to n. None
    below two pairs, and for sides of different shape.
    """
    n = len(titles)
    if n < 2 or titles.shape != bodies.shape:
        return None
    cosines = normalised(titles) @ normalised(bodies).T
    own = np.diagonal(cosines)
    # Ties count half: a heap of equal vectors must not look like a find.
    ranks = 1 + (cosines > own[:, None]).sum(axis=1) + ((cosines == own[:, None]).sum(axis=1) - 1) / 2
    reciprocal = np.where(ranks <= cut, 1 / ranks, 0.0)
    counted = range(1, min(cut, n) + 1)
    chance = sum(1 / rank for rank in counted) / n
    variance = sum(1 / rank**2 for rank in counted) / n - chance**2
    return TitleToBody(
        pairs=n,
        mrr=float(reciprocal.mean()),
        chance=chance,
        chance_error=math.sqrt(variance / n),
        distinct_titles=len(np.unique(titles, axis=0)),
    )
