"""Vectors of queries that were asked before, kept in this process."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

# Three passages of 384 dimensions take 4.6 kB: some ten megabytes in all.
ENTRIES = 2_048


class QueryVectors:
    """The vectors of the latest queries by space and text; the one not asked for longest makes room."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._kept: OrderedDict[tuple[Hashable, str], NDArray[np.float32]] = OrderedDict()
        self._guard = Lock()

    def get(self, space: Hashable, text: str) -> NDArray[np.float32] | None:
        """The vectors of a query in a space, shape (passages, dimensions); None where they are not kept."""
        with self._guard:
            found = self._kept.get((space, text))
            if found is not None:
                self._kept.move_to_end((space, text))
            return found

    def put(self, space: Hashable, text: str, vectors: NDArray[np.float32]) -> None:
        """Keep the vectors of a query, a copy that nobody can change."""
        vectors = vectors.copy()
        vectors.setflags(write=False)
        with self._guard:
            self._kept[space, text] = vectors
            self._kept.move_to_end((space, text))
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)
