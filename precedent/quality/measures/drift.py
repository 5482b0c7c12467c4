"""Whether new vectors lie where the earlier ones did."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precedent.quality.measures.vector_shape import Vectors, normalised

PERMUTATIONS = 500
# Fewer vectors show nothing; more add little to a diagnostic, at a cost that grows with their square.
FEWEST, MOST = 20, 256
SIGNIFICANT = 0.01


@dataclass(frozen=True, slots=True)
class Drift:
    """Vectors that are new since the previous report, against those that report kept.

    Attributes:
        new: How many new vectors.
        kept: How many that the previous report kept.
        mmd2: Unbiased squared maximum mean discrepancy; about 0 where both come from one distribution.
        null_95: What 95 % of random splits of both together stay below.
        p_value: Share of random splits that differ as much.
    """

    new: int
    kept: int
    mmd2: float
    null_95: float
    p_value: float

    @property
    def significant(self) -> bool:
        """Whether it is more than chance: other subjects or kinds of documents, or another model."""
        return self.p_value <= SIGNIFICANT


def drift(new: Vectors, kept: Vectors, seed: int = 0) -> Drift | None:
    """Compare two samples, (n, dimensions) and (m, dimensions), of distinct texts; None where one is too small.

    The unbiased estimate of MMD² (Gretton and others 2012, "A kernel two-sample test", lemma 6) with a Gaussian kernel
    as wide as the median distance of both together, the heuristic that the same paper uses, judged against the same
    of random splits of both together: a test whose level is exact. Takes O((n + m)²) time and memory.
    """
    if min(len(new), len(kept)) < FEWEST or new.shape[1] != kept.shape[1]:
        return None
    new, kept = normalised(new[:MOST]), normalised(kept[:MOST])
    kernel = _kernel(np.concatenate([new, kept]))
    size = len(new)
    labels = np.zeros((PERMUTATIONS + 1, len(kernel)), np.float64)
    labels[0, :size] = 1
    generator = np.random.default_rng(seed)
    for row in labels[1:]:
        row[generator.permutation(len(kernel))[:size]] = 1
    values = _mmd2(kernel, labels, size)
    null = values[1:]
    return Drift(
        new=size,
        kept=len(kept),
        mmd2=float(values[0]),
        null_95=float(np.quantile(null, 0.95)),
        p_value=float((1 + (null >= values[0]).sum()) / (1 + PERMUTATIONS)),
    )


def _kernel(points: Vectors) -> NDArray[np.float64]:
    squares = np.maximum(2 - 2 * (points @ points.T).astype(np.float64), 0)
    median = float(np.median(squares[np.triu_indices(len(points), 1)]))
    kernel = np.exp(-squares / (2 * median)) if median > 0 else np.ones_like(squares)
    np.fill_diagonal(kernel, 0)
    return np.asarray(kernel, dtype=np.float64)


def _mmd2(kernel: NDArray[np.float64], labels: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """One estimate for each row of labels, shape (splits,), where a 1 puts a point into the first sample."""
    other = len(kernel) - size
    within = ((labels @ kernel) * labels).sum(axis=1)
    of_first = labels @ kernel.sum(axis=1)
    across = of_first - within
    within_other = kernel.sum() - of_first - across
    first, second = within / (size * (size - 1)), within_other / (other * (other - 1))
    return np.asarray(first + second - 2 * across / (size * other), dtype=np.float64)
