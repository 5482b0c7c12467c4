"""The contract of everything that turns texts into vectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

# A shorter vector is zero but for rounding.
SHORTEST_NORM = 1e-6


@dataclass(frozen=True, slots=True)
class EmbeddingBatch:
    """The vectors of some texts.

    Attributes:
        vectors: float32 of shape (texts, dimensions), one row a text in the order of the texts.
        tokens: What the provider counted; 0 where it counts nothing.
        cost: What the provider itself says that the call cost, in USD, or None.
    """

    vectors: NDArray[np.float32]
    tokens: int
    cost: Decimal | None = None


# Is given the vectors of consecutive texts with the position of the first one.
Arrived = Callable[[int, EmbeddingBatch], None]


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of some texts: each has either a vector or a reason, or was not reached.

    Attributes:
        positions: The texts that got a vector, by their position, in ascending order.
        vectors: float32 of shape (positions, dimensions), in the order of `positions`; None where no text got one.
        tokens: What the provider counted.
        cost: What the provider itself says that it cost, in USD, or None.
        failures: Why texts got none, by position.
        stopped: What ended the work before the other texts were reached; what was paid for until then is here. None
            where all were.
    """

    positions: Sequence[int]
    vectors: NDArray[np.float32] | None
    tokens: int
    cost: Decimal | None
    failures: Mapping[int, str]
    stopped: Exception | None = None


class EmbeddingError(Exception):
    """A batch that could not be embedded; the texts stay without a vector and the next run tries again.

    Attributes:
        texts_at_fault: True if some of the texts may be the reason, so that halving the batch can save the rest;
            False where the provider is down or refuses everything.
    """

    def __init__(self, message: str, *, texts_at_fault: bool = True) -> None:
        super().__init__(message)
        self.texts_at_fault = texts_at_fault


class BatchTooLarge(EmbeddingError):
    """A batch that was too large for one request; its halves may pass, and no text is at fault but a single one."""


def checked(batch: EmbeddingBatch, texts: int, dimensions: int) -> EmbeddingBatch:
    """The batch, if every text got a finite vector of the right dimension that is not zero.

    Raises:
        EmbeddingError: the shape is another one, or a vector holds NaN, infinity or nothing but zeros.
    """
    vectors = batch.vectors
    if vectors.shape != (texts, dimensions):
        raise EmbeddingError(f"expected {texts} vectors of {dimensions} dimensions, got shape {vectors.shape}")
    norms = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(norms).all():
        raise EmbeddingError("a vector holds NaN or infinity")
    if (norms < SHORTEST_NORM).any():
        raise EmbeddingError("a vector is zero")
    return batch


def as_vectors(rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    """Vectors of an answer as float32 of shape (texts, dimensions).

    Raises:
        ValueError: they have different lengths.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise ValueError(f"the vectors have different lengths: {sorted(lengths)[:5]}")
    return np.asarray(rows, dtype=np.float32)


def in_order(items: Sequence[tuple[int, Sequence[float]]], texts: int) -> NDArray[np.float32]:
    """The same of an answer that gives each vector with the index of its text, which need not be its order.

    Args:
        items: Index and vector.
        texts: How many texts were sent.

    Raises:
        ValueError: an index is missing, twice, or beyond the texts; or the vectors have different lengths.
    """
    found = dict(items)
    if len(items) != texts or set(found) != set(range(texts)):
        raise ValueError(f"expected vectors 0 to {texts - 1}, got {len(items)} with indices {sorted(found)[:5]}...")
    return as_vectors([found[index] for index in range(texts)])
