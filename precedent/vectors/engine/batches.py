"""Batches by token budget: texts of like length together, so that little is computed for padding."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def batches(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Positions of texts, longest first, each batch within `budget` padded tokens.

    Args:
        lengths: Shape (n,): tokens of each text.
        budget: Rows times the longest text of a batch, at most; a longer text is a batch of its own.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        rows = max(1, budget // max(1, int(lengths[order[start]])))
        yield order[start : start + rows]
        start += rows
