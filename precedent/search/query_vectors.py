"""Vectors of queries: embedded together, and those of the latest ones kept in this process."""

from collections.abc import Hashable, Sequence
from threading import Lock

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from precedent.errors import PrecedentError
from precedent.providers.runtime.embedder import Embedder
from precedent.text.chunking import chunk
from precedent.vectors.embedding import EmbeddingError

# A query longer than the model's window becomes several passages; the first ones carry its meaning.
PASSAGES = 3
# Three passages of 384 dimensions take 4.6 kB: some ten megabytes in all.
ENTRIES = 2_048
Vectors = NDArray[np.float32]


class QueryVectorCache:
    """The vectors of the latest queries by space and text; the one not asked for longest makes room."""

    def __init__(self, entries: int = ENTRIES) -> None:
        self._kept: LRUCache[tuple[Hashable, str], Vectors] = LRUCache(entries)
        self._lock = Lock()

    def get(self, space: Hashable, text: str) -> Vectors | None:
        """The vectors of a query in a space, shape (passages, dimensions); None where they are not kept."""
        with self._lock:
            return self._kept.get((space, text))

    def save(self, space: Hashable, text: str, vectors: Vectors) -> None:
        """Keep the vectors of a query, a read-only copy of shape (passages, dimensions)."""
        vectors = vectors.copy()
        vectors.setflags(write=False)
        with self._lock:
            self._kept[space, text] = vectors

    def __len__(self) -> int:
        return len(self._kept)


def embed_queries(provider: Embedder, texts: Sequence[str]) -> list[Vectors]:
    """The vectors of each query's first passages, shape (passages, dimensions), in one call.

    Args:
        provider: Of the space that is searched.
        texts: Queries with words in them; the first line of each is its title.

    Raises:
        PrecedentError: the provider does not answer.
        BudgetExhausted: the tenant's money is used up.
    """
    counter = provider.counter
    passages: list[str] = []
    ends: list[int] = []
    for text in texts:
        title, _, body = provider.prepared(text).strip().partition("\n")
        passages += [part.text for part in chunk(title, body, counter)][:PASSAGES]
        ends.append(len(passages))
    try:
        vectors = provider.embed(passages).vectors
    except EmbeddingError as error:
        raise PrecedentError(
            f"The query could not be embedded ({error}): try again, or search by words with --mode text."
        ) from None
    return np.split(vectors, ends[:-1])
