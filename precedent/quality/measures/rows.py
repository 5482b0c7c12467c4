"""Counts over all vectors of a source, whatever their number."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from precedent.quality.measures.vector_shape import ZERO, Vectors


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
