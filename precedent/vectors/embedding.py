"""The contract of everything that turns texts into vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EmbeddingBatch:
    """Vectors of shape (texts, dimensions), float32, in the order of the texts.

    Attributes:
        vectors: The vectors.
        tokens: What the provider counted; 0 where it counts nothing.
        cost: What the provider itself says the call cost, in USD, or None.
    """

    vectors: NDArray[np.float32]
    tokens: int
    cost: Decimal | None = None


class EmbeddingError(Exception):
    """A batch that could not be embedded; the texts stay without a vector and the next run tries again.

    Attributes:
        texts_at_fault: Whether some of the texts may be the reason, so that halving the batch can save the rest;
            False where the provider is down or refuses everything.
    """

    def __init__(self, message: str, *, texts_at_fault: bool = True) -> None:
        super().__init__(message)
        self.texts_at_fault = texts_at_fault


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


def in_order(items: Sequence[tuple[int, Any]], texts: int) -> list[Any]:
    """Vectors by their index in the answer, which need not be its order.

    Raises:
        ValueError: an index is missing, twice, or beyond the texts; vectors of unequal lengths.
    """
    found = dict(items)
    if len(items) != texts or set(found) != set(range(texts)):
        raise ValueError(f"expected vectors 0 to {texts - 1}, got {len(items)} with indices {sorted(found)[:5]}...")
    lengths = {len(vector) for vector in found.values()}
    if len(lengths) > 1:
        raise ValueError(f"the vectors have different lengths: {sorted(lengths)[:5]}")
    return [found[index] for index in range(texts)]
