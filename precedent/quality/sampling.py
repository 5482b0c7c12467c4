"""How much a report looks at, so that it costs little next to embedding, and which rows it takes."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from precedent.quality.measures import Vectors

# This share of a source's texts may be embedded again; everything else in a report may take as long again.
EMBEDDED_AGAIN = 0.02
# One of 64 sees a fault of 5 % of the rows with a probability of .96.
CANARIES = 64
FEWEST_BODIES, MOST_BODIES = 32, 200
FEWEST_TITLES, MOST_TITLES = 64, 200
FEWEST_SHAPED, MOST_SHAPED = 256, 1_000
DOCUMENTS = 64
QUERIES = 50


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Rows of a report.

    Attributes:
        canaries: Passages at random that are embedded again.
        bodies: First passages of documents that are embedded again, to compare what their titles find.
        titles: Titles that are embedded, a tenth of a passage each.
        shaped: Vectors whose shape, neighbours and projection are looked at, at a cost of the square of them.
        documents: Documents compared with their passages.
        queries: Questions to the index and to exact search.
    """

    canaries: int
    bodies: int
    titles: int
    shaped: int
    documents: int
    queries: int


def sample_plan(texts: int) -> SamplePlan:
    """The plan for a source of so many distinct passages.

    A share of them, within bounds: fewer than the least say nothing, so that below about 5,000 passages the floor
    costs more than the share does.
    """
    share = int(EMBEDDED_AGAIN * texts)
    return SamplePlan(
        canaries=CANARIES,
        bodies=_within(share - CANARIES, FEWEST_BODIES, MOST_BODIES),
        titles=_within(share, FEWEST_TITLES, MOST_TITLES),
        shaped=_within(texts // 8, FEWEST_SHAPED, MOST_SHAPED),
        documents=DOCUMENTS,
        queries=QUERIES,
    )


def _within(value: int, least: int, most: int) -> int:
    return min(max(value, least), most)


@dataclass(slots=True)
class BottomK:
    """A random sample of rows that come in batches, decided by their hashes alone (Cohen and Kaplan 2007).

    The rows with the smallest keys are kept, and a key is a row's hash mixed with a seed: the same rows and seed give
    the same sample in any order, another seed another one, and a row more or less changes it by a row at most.

    Attributes:
        size: Rows kept at most.
        seed: Any text.
        hashes: SHA-256 of the rows' texts, in the order of their keys.
        vectors: Their vectors, shape (n, dimensions).
    """

    size: int
    seed: str
    hashes: list[bytes] = field(default_factory=list)
    vectors: Vectors = field(default_factory=lambda: np.empty((0, 0), np.float32))
    _keys: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def add(self, hashes: Sequence[bytes], vectors: Vectors) -> None:
        """Take a batch of hashes and vectors, shape (len(hashes), dimensions); of another dimension ignored."""
        if not len(hashes) or (self.hashes and vectors.shape[1] != self.vectors.shape[1]):
            return
        keys = self._mixed(hashes)
        if len(self._keys) >= self.size:
            chosen = np.flatnonzero(keys < self._keys[-1])
            hashes, vectors, keys = [hashes[int(row)] for row in chosen], vectors[chosen], keys[chosen]
        everything = np.concatenate([self._keys, keys])
        order = np.argsort(everything, kind="stable")[: self.size]
        joined = [*self.hashes, *hashes]
        self.hashes = [joined[row] for row in order]
        self.vectors = (np.concatenate([self.vectors, vectors]) if len(self._keys) else vectors)[order]
        self._keys = everything[order]

    def _mixed(self, hashes: Sequence[bytes]) -> NDArray[np.uint64]:
        # A SHA-256 is random already; the finaliser of SplitMix64 makes its order another one for each seed.
        start = np.frombuffer(b"".join(digest[:8].ljust(8, b"\0") for digest in hashes), dtype=np.uint64)
        # Not the seed's own hash: a text that equals the seed would have the key 0.
        salt = np.frombuffer(hashlib.sha256(f"sample:{self.seed}".encode()).digest()[:8], dtype=np.uint64)
        keys = start ^ salt
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
        return np.asarray(keys ^ (keys >> np.uint64(31)), dtype=np.uint64)
