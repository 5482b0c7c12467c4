"""The contract of everything that turns texts into vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from resources.stores.spaces import SpaceProfile


@dataclass(frozen=True, slots=True)
class EmbeddingBatch:
    """Vectors of shape (texts, dimensions), float32, in the order of the texts, and the tokens they cost."""

    vectors: NDArray[np.float32]
    tokens: int


class EmbeddingError(Exception):
    """A batch that could not be embedded; the texts stay without a vector and the next run tries again."""


class EmbeddingProvider(Protocol):
    """One model at one endpoint."""

    @property
    def profile(self) -> SpaceProfile:
        """What its vectors may be compared with; known without loading the model."""
        ...

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts, each within the model's window.

        Raises:
            EmbeddingError: the answer is unusable: a wrong count or dimension, a zero vector, NaN.
        """
        ...


def checked(batch: EmbeddingBatch, texts: int, dimensions: int) -> EmbeddingBatch:
    """The batch, if every text got a finite vector of the right dimension that is not zero.

    Raises:
        EmbeddingError: otherwise.
    """
    vectors = batch.vectors
    if vectors.shape != (texts, dimensions):
        raise EmbeddingError(f"expected {texts} vectors of {dimensions} dimensions, got shape {vectors.shape}")
    norms = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(norms).all():
        raise EmbeddingError("a vector holds NaN or infinity")
    if (norms < 1e-6).any():
        raise EmbeddingError("a vector is zero")
    return batch
