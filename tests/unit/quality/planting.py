"""Faults that are planted into vectors, shape (n, dimensions), to see who notices."""

from collections.abc import Callable

import numpy as np

from precedent.quality import measures as measure
from precedent.quality.measures import Vectors

Fault = Callable[[Vectors], Vectors]


def swapped(vectors: Vectors, share: float) -> Vectors:
    rows = np.random.default_rng(3).permutation(len(vectors))[: int(share * len(vectors))]
    out = vectors.copy()
    out[rows] = vectors[np.roll(rows, 1)]
    return out


def identical(vectors: Vectors) -> Vectors:
    out = vectors.copy()
    out[np.random.default_rng(7).permutation(len(out))[: len(out) // 20]] = out[0]
    return out


def cut(vectors: Vectors) -> Vectors:
    out = vectors.copy()
    out[:, 64:] = 0
    return measure.normalised(out)


def random(vectors: Vectors) -> Vectors:
    return measure.normalised(np.random.default_rng(5).normal(size=vectors.shape).astype(np.float32))


def cone(vectors: Vectors) -> Vectors:
    return measure.normalised(vectors + 2 * measure.normalised(vectors.mean(axis=0, keepdims=True)))


def coarse(vectors: Vectors) -> Vectors:
    noise = np.random.default_rng(9).normal(size=vectors.shape).astype(np.float32)
    return measure.normalised(vectors + 0.33 * measure.normalised(noise))


def one_row(value: float) -> Fault:
    def plant(vectors: Vectors) -> Vectors:
        out = vectors.copy()
        out[7] = value
        return out

    return plant
