"""What the charts of a report are drawn from: counts and points, kept with it instead of the vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precedent.quality import measures as measure

BINS = 40
# Norms are 1 by construction: a narrower axis would blow up what rounding to half precision does.
LEAST_SPREAD = 0.02


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts in bins of equal width from `low` to `high`."""

    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class ChartData:
    """Histograms of norms and of cosines to the nearest neighbour, and a sample in two principal components.

    Attributes:
        norms: Of all vectors.
        neighbours: Of the sample.
        points: Shape (n, 2), of the sample.
        kinds: What the sampled documents are, n of them.
    """

    norms: Histogram
    neighbours: Histogram
    points: tuple[tuple[float, float], ...]
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, norms: NDArray[np.float32], sample: measure.Vectors, kinds: Sequence[str]) -> "ChartData":
        """Count and project all norms, shape (n,), and of a sample, shape (m, dimensions), with its kinds."""
        return cls(
            norms=_around(norms),
            neighbours=_histogram(measure.nearest_cosines(sample), 0, 1.02),
            points=tuple((round(float(x), 4), round(float(y), 4)) for x, y in measure.projection(sample)),
            kinds=tuple(kinds),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ChartData | None":
        """What `as_dict` gave; None of a report that kept none."""
        if not values:
            return None
        norms, neighbours = (
            Histogram(part["low"], part["high"], tuple(part["counts"]))
            for part in (values["norms"], values["neighbours"])
        )
        return cls(norms, neighbours, tuple((x, y) for x, y in values["points"]), tuple(values["kinds"]))


def _around(values: NDArray[np.float32]) -> Histogram:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return _histogram(values, 0, 2)
    low, high = float(finite.min()), float(finite.max())
    middle, spread = (low + high) / 2, max(high - low, LEAST_SPREAD)
    return _histogram(values, middle - spread, middle + spread)


def _histogram(values: NDArray[np.float32], low: float, high: float) -> Histogram:
    finite = values[np.isfinite(values)].astype(np.float64)
    counts, _ = np.histogram(np.clip(finite, low, high), bins=BINS, range=(low, high))
    return Histogram(low, high, tuple(int(count) for count in counts))
