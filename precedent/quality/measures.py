"""What can be said of a set of vectors; plain numpy, shapes in the docstrings.

Shape alone says little: swapped rows keep every norm and distance. Only measures that go back to the texts
(canary re-embedding, title to body) see that a vector belongs to another text.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
ZERO = 1e-6
CANARY_COSINE = 0.99


@dataclass(slots=True)
class RowMeasures:
    """Counts over all vectors, fed in batches; memory is twelve bytes a row: a digest and a norm."""

    dimensions: int
    count: int = 0
    zero: int = 0
    not_finite: int = 0
    other_dimensions: int = 0
    norms: list[NDArray[np.float32]] = field(default_factory=list)
    _digests: list[NDArray[np.uint64]] = field(default_factory=list)

    def add(self, vectors: Vectors) -> None:
        """Take a batch, shape (n, dimensions), of distinct texts."""
        if not len(vectors):
            return
        self.count += len(vectors)
        if vectors.shape[1] != self.dimensions:
            self.other_dimensions += len(vectors)
        norms = np.linalg.norm(vectors, axis=1)
        finite = np.isfinite(norms)
        self.not_finite += int((~finite).sum())
        self.zero += int((norms[finite] < ZERO).sum())
        self.norms.append(norms[finite].astype(np.float32))
        # Adding zero makes -0.0 equal to 0.0 in its bytes too. Arrays, as a set of bytes takes eight times the memory.
        rows = np.ascontiguousarray(vectors) + np.float32(0)
        joined = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows)
        self._digests.append(np.frombuffer(joined, dtype=np.uint64))

    @property
    def duplicates(self) -> int:
        """Vectors equal to an earlier one, though texts are distinct; sorts all digests at each call."""
        return self.count - len(np.unique(np.concatenate(self._digests))) if self._digests else 0

    def all_norms(self) -> NDArray[np.float32]:
        """The norms of all finite vectors, shape (count,)."""
        return np.concatenate(self.norms) if self.norms else np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class ShapeMeasures:
    """How a sample lies in its space; diagnostics, blind to rows that were swapped."""

    mean_cosine: float
    effective_rank: float
    participation_ratio: float
    top_variance_share: float
    hubness_skew: float


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


def kinds_in_order(kinds: Sequence[str]) -> list[str]:
    """Distinct kinds, the most frequent first."""
    return sorted(set(kinds), key=lambda kind: (-list(kinds).count(kind), kind))
