"""Many texts in requests of a size that the provider takes, and what becomes of each text where a request fails.

A batch that fails is halved until the texts at fault are alone: one bad text costs itself and not its neighbours.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np

from precedent.providers.base import UNLIMITED_TOKENS, BatchLimits
from precedent.providers.tokens import estimate
from precedent.vectors.embedding import Arrived, BatchTooLarge, Embedded, EmbeddingBatch, EmbeddingError

# A provider that fails this often without one success is down: the rest is left for the next run.
GIVE_UP_AFTER = 6


class Isolation:
    """Embeds texts with one function, and isolates those at fault; used once, by several threads.

    Args:
        embed: Embeds a batch; raises EmbeddingError where it fails.
        halves_failures: Whether a batch that failed for its texts is halved as well, not only one that was too large,
            and whatever else fails ends the work with what is done. Where not, the first failure is raised.
        arrived: Is given each batch as soon as it is answered, one at a time.
    """

    def __init__(
        self,
        embed: Callable[[Sequence[str]], EmbeddingBatch],
        *,
        halves_failures: bool,
        arrived: Arrived = lambda start, batch: None,
    ) -> None:
        self._embed, self._halves_failures, self._arrived = embed, halves_failures, arrived
        self._lock = threading.Lock()
        self._found: dict[int, EmbeddingBatch] = {}
        self._failures: dict[int, str] = {}
        self._failed_batches, self._hopeless = 0, ""
        self._stopped: Exception | None = None

    def run(self, batches: Sequence[tuple[int, Sequence[str]]], *, at_once: int = 1) -> Embedded:
        """Embed batches, each given with the position of its first text.

        Raises:
            EmbeddingError: a batch failed, and failures are not to be halved.
            Exception: the same of any other error.
        """
        if len(batches) == 1 or at_once == 1:
            for start, texts in batches:
                self._one(start, texts)
        else:
            with ThreadPoolExecutor(at_once, thread_name_prefix="provider") as executor:
                list(executor.map(lambda batch: self._one(*batch), batches))
        return self._result()

    def _one(self, start: int, texts: Sequence[str]) -> None:
        if self._stopped is not None:
            return
        if self._hopeless:
            self._fail(start, texts, self._hopeless)
            return
        try:
            batch = self._embed(texts)
            with self._lock:
                self._arrived(start, batch)
                self._found[start] = batch
        except EmbeddingError as error:
            if self._is_halved(error, texts):
                middle = len(texts) // 2
                self._one(start, texts[:middle])
                self._one(start + middle, texts[middle:])
            elif self._halves_failures:
                self._fail(start, texts, str(error))
            else:
                self._stopped = error
                raise
        except Exception as error:
            self._stopped = error
            if not self._halves_failures:
                raise

    def _is_halved(self, error: EmbeddingError, texts: Sequence[str]) -> bool:
        if isinstance(error, BatchTooLarge):
            return len(texts) > 1
        with self._lock:
            self._failed_batches += 1
            if not error.texts_at_fault or (not self._found and self._failed_batches >= GIVE_UP_AFTER):
                self._hopeless = str(error)
        return self._halves_failures and len(texts) > 1 and not self._hopeless

    def _fail(self, start: int, texts: Sequence[str], reason: str) -> None:
        with self._lock:
            self._failures |= dict.fromkeys(range(start, start + len(texts)), reason)

    def _result(self) -> Embedded:
        parts = sorted(self._found.items())
        costs = [batch.cost for _, batch in parts]
        known = [cost for cost in costs if cost is not None]
        return Embedded(
            positions=[start + row for start, batch in parts for row in range(len(batch.vectors))],
            vectors=np.concatenate([batch.vectors for _, batch in parts]) if parts else None,
            tokens=sum(batch.tokens for _, batch in parts),
            cost=sum(known, Decimal(0)) if known and len(known) == len(costs) else None,
            failures=self._failures,
            stopped=self._stopped,
        )


def batches(texts: Sequence[str], limits: BatchLimits) -> Iterator[tuple[int, Sequence[str]]]:
    """Consecutive texts within a provider's limits, each batch with the position of its first text.

    A text beyond the limit of tokens is a batch of its own.
    """
    if len(texts) <= limits.inputs and limits.tokens >= UNLIMITED_TOKENS:
        yield 0, texts
        return
    start = tokens = 0
    for position, text in enumerate(texts):
        own = estimate(text)
        if position > start and (position - start >= limits.inputs or tokens + own > limits.tokens):
            yield start, texts[start:position]
            start, tokens = position, 0
        tokens += own
    yield start, texts[start:]
