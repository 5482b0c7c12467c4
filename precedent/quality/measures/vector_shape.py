"""How vectors lie in their space.

Shape alone says little: swapped rows keep every norm and distance. Only measures that go back to the texts
(canary re-embedding, title to body) see that a vector belongs to another text.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
ZERO = 1e-6


@dataclass(frozen=True, slots=True)
class ShapeMeasures:
    """How a sample lies in its space; diagnostics, blind to rows that were swapped."""

    mean_cosine: float
    effective_rank: float
    participation_ratio: float
    top_variance_share: float
    hubness_skew: float


def normalised(vectors: Vectors) -> Vectors:
    """Rows of unit length, shape kept; a zero or non-finite row becomes zero."""
    clean = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    norms = np.linalg.norm(clean, axis=1, keepdims=True)
    return np.asarray(np.divide(clean, norms, out=np.zeros_like(clean), where=norms > ZERO), dtype=np.float32)


def shape(vectors: Vectors, neighbours: int = 10) -> ShapeMeasures | None:
    """Shape of a sample (n, dimensions); None below three rows. Takes O(n^2) time and memory.

    Sources: mean cosine, Ethayarajh 2019; effective rank, Roy and Vetterli 2007 (exponential of the entropy of
    the singular values' shares); participation ratio, Gao and others 2017; skew of k-occurrences, Radovanović
    and others 2010.
    """
    n = len(vectors)
    if n < 3:
        return None
    unit = normalised(vectors)
    total = unit.sum(axis=0)
    mean_cosine = float((total @ total - (unit**2).sum()) / (n * (n - 1)))
    variance, _ = _principal(unit)
    values = np.sqrt(variance)
    if variance.sum() <= 0:
        return ShapeMeasures(mean_cosine, 1.0, 1.0, 1.0, 0.0)
    shares = values / values.sum()
    shares = shares[shares > 0]
    k = min(neighbours, n - 1)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    occurrences = np.bincount(nearest.ravel(), minlength=n).astype(np.float64)
    spread = occurrences.std()
    skew = float(((occurrences - occurrences.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
    return ShapeMeasures(
        mean_cosine=mean_cosine,
        effective_rank=float(np.exp(-(shares * np.log(shares)).sum())),
        participation_ratio=float(variance.sum() ** 2 / (variance**2).sum()),
        top_variance_share=float(variance[0] / variance.sum()),
        hubness_skew=skew,
    )


def nearest_cosines(vectors: Vectors) -> NDArray[np.float32]:
    """Each row's cosine to its nearest other row, shape (n,)."""
    if len(vectors) < 2:
        return np.empty(0, np.float32)
    unit = normalised(vectors)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    return np.asarray(cosines.max(axis=1), dtype=np.float32)


def projection(vectors: Vectors) -> NDArray[np.float32]:
    """The first two principal components, shape (n, 2)."""
    if len(vectors) < 3:
        return np.zeros((len(vectors), 2), np.float32)
    return _principal(normalised(vectors))[1]


def _principal(unit: Vectors) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Variances along all principal axes, the largest first, and the rows along the first two, shape (n, 2)."""
    # By the smaller of the two matrices of products: a tenth of the time that a whole decomposition takes.
    centred = (unit - unit.mean(axis=0)).astype(np.float64)
    wide = centred.shape[1] > len(centred)
    variances, axes = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    variances = np.clip(variances[::-1], 0, None)
    # Rounding leaves a little where there is nothing; its root would count as many axes.
    variances[variances < variances[0] * 1e-10] = 0
    first = axes[:, ::-1][:, :2]
    points = first * np.sqrt(variances[:2]) if wide else centred @ first
    # An axis has no direction of its own: without one, every report would mirror its picture at will.
    points = points * np.where(np.abs(points.max(axis=0)) < np.abs(points.min(axis=0)), -1, 1)
    return variances, points.astype(np.float32)
