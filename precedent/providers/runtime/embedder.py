"""Embeddings of a tenant: one space, one or several endpoints of the same model, batches by the provider's limits."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from precedent.errors import UsageError
from precedent.providers.base import BatchLimits, LocalModel
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Target, open_driver
from precedent.providers.runtime.metered_client import MeteredDriver
from precedent.providers.runtime.tokens import ByteTokenCounter, estimate
from precedent.security.masking import MASKING_VERSION
from precedent.settings import Settings
from precedent.tenants.policies import TenantPolicy
from precedent.text.chunking import HuggingFaceTokenCounter, TokenCounter
from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError
from precedent.vectors.space import SpaceProfile

# What a text goes through before the model sees it and a vector before it is stored.
PREPROCESSING = "title+passage/l2"
# A passage of a few hundred tokens says one thing; whole documents in one vector say everything and nothing.
LONGEST_WINDOW = 512
# Where another text in the batch may be the reason, or the batch as a whole.
OF_THE_TEXTS = (FailureKind.INVALID_ANSWER, FailureKind.INVALID_REQUEST, FailureKind.CONTEXT_OVERFLOW,
                FailureKind.TOO_LARGE, FailureKind.REFUSED)  # fmt: skip
# The same model has the same window everywhere.
NO_OTHER_ENDPOINT = (FailureKind.CONTEXT_OVERFLOW, FailureKind.TOO_LARGE)


class BudgetExhausted(ProviderError):
    """The tenant's money of this month is used up; what was done is kept."""

    def __init__(self, message: str) -> None:
        super().__init__(FailureKind.BUDGET, message)


@dataclass(frozen=True, slots=True)
class Served:
    """Who did the work so far.

    Attributes:
        by: Calls that were answered, by provider's name.
        asked: The provider that came first.
        reasons: Why another one served, by the name of the one that did not.
        cost: USD; None where a call could not be priced.
        masked: Places that were masked before texts left.
    """

    by: dict[str, int]
    asked: str
    reasons: dict[str, str]
    cost: Decimal | None
    masked: int


class Embedder:
    """Turns texts into vectors of one space; the first endpoint that answers serves.

    All endpoints serve the same model in the same dimensions: another model would make vectors that compare with
    nothing. Where none answers, the texts stay without a vector.
    """

    def __init__(self, primary: Target, drivers: Sequence[MeteredDriver], policy: TenantPolicy, settings: Settings):
        self.primary = primary
        self._drivers = tuple(drivers)
        self._policy, self._settings = policy, settings
        self._reasons: dict[str, str] = {}

    @cached_property
    def _local(self) -> LocalModel | None:
        return open_driver(self.primary, self._settings).local_model()

    @cached_property
    def _masks(self) -> bool:
        """One external endpoint is enough: what all of them make is compared."""
        return self._policy.mask and any(driver.external for driver in self._drivers)

    @cached_property
    def profile(self) -> SpaceProfile:
        """What its vectors may be compared with; known without a call.

        Raises:
            UsageError: the dimension is not known yet.
        """
        target, local = self.primary, self._local
        dimensions = local.dimensions if local else target.dimensions
        if dimensions is None and target.row_id is None:
            raise UsageError(
                f"Nobody knows the dimension of {target.model}, which OPENAI_EMBEDDING_MODEL names: add a row with "
                "`precedent provider add`, which measures and keeps it."
            )
        if dimensions is None:
            raise UsageError(
                f"Nobody knows the dimension of {target.model} yet: run `precedent provider test {target.name}`, "
                "which measures and keeps it."
            )
        model = target.bare_model if local else target.common_model
        return SpaceProfile(
            provider=target.driver.name if local else "endpoint",
            model=model,
            model_fingerprint=local.revision if local else target.options.task_type or "",
            dimensions=dimensions,
            precision=local.precision if local else "float32",
            preprocessing=PREPROCESSING + (f"/masked{MASKING_VERSION}" if self._masks else ""),
            cut=f"{model}/{self.window}",
        )

    @property
    def backend(self) -> str:
        """What runs a local model, with the device and, where it is not the fastest, the reason; else empty."""
        if self._local is None:
            return ""
        reason = self._local.backend_reason
        return f"{self._local.backend} ({reason})" if reason else self._local.backend

    @property
    def window(self) -> int:
        """The longest passage in tokens, special tokens included."""
        if self._local is not None:
            return min(self._local.window, self.primary.options.window or self._local.window)
        return min(self.primary.options.window or LONGEST_WINDOW, self.primary.driver.limits.tokens_each)

    @cached_property
    def counter(self) -> TokenCounter:
        """Counts tokens: by the model's own tokenizer if its files are here, else an estimate that is never too low."""
        if self._local is None:
            return ByteTokenCounter(self.window)
        return HuggingFaceTokenCounter(self._local.load_tokenizer(), self.window)

    def embed(self, texts: Sequence[str], tokens: int | None = None) -> EmbeddingBatch:
        """Embed texts in as many requests as the limits ask for, some at once, in the order of the texts.

        Raises:
            EmbeddingError: no endpoint gave usable vectors.
            BudgetExhausted: the tenant's money is used up.
        """
        if not texts:
            return EmbeddingBatch(np.empty((0, self.profile.dimensions), np.float32), 0)
        parts = list(batches(texts, self.primary.batch_limits))
        if len(parts) == 1:
            return self._embed_part(parts[0], tokens)
        with ThreadPoolExecutor(self.primary.performance.max_concurrency, thread_name_prefix="provider") as executor:
            answers = list(executor.map(self._embed_part, parts))
        return _joined(answers)

    def served(self) -> Served:
        """Who did the work so far."""
        cost = sum((driver.cost for driver in self._drivers), Decimal(0))
        return Served(
            by={driver.target.name: driver.answered for driver in self._drivers if driver.answered},
            asked=self._drivers[0].target.name, reasons=dict(self._reasons),
            cost=None if any(driver.unpriced for driver in self._drivers) else cost,
            masked=sum(driver.masked for driver in self._drivers),
        )  # fmt: skip

    def _embed_part(self, texts: Sequence[str], tokens: int | None = None) -> EmbeddingBatch:
        last: ProviderError | None = None
        free_only = False
        for driver in self._drivers:
            if free_only and not driver.target.driver.free:
                continue
            try:
                return self._halving(driver, texts, tokens)
            except ProviderError as error:
                last = error
                self._reasons.setdefault(driver.target.name, f"{error.kind.value}: {error}")
                if error.kind is FailureKind.BUDGET:
                    if self._policy.on_exhausted != "free":
                        raise BudgetExhausted(str(error)) from None
                    free_only = True
                elif error.kind in NO_OTHER_ENDPOINT:
                    break
        if last is not None and last.kind is FailureKind.BUDGET:
            raise BudgetExhausted(str(last))
        at_fault = last is not None and last.kind in OF_THE_TEXTS
        raise EmbeddingError(f"{last.provider}: {last}" if last else "no provider", texts_at_fault=at_fault)

    def _halving(self, driver: MeteredDriver, texts: Sequence[str], tokens: int | None) -> EmbeddingBatch:
        """One request, or two of half the size where the provider says that it was too much."""
        try:
            return driver.embed(texts, tokens, mask_always=self._masks)
        except ProviderError as error:
            if error.kind is not FailureKind.TOO_LARGE or len(texts) == 1:
                raise
        middle = len(texts) // 2
        return _joined([self._halving(driver, part, None) for part in (texts[:middle], texts[middle:])])


def batches(texts: Sequence[str], limits: BatchLimits) -> Iterator[Sequence[str]]:
    """Consecutive texts within a provider's limits; a text beyond the limit of tokens is a batch of its own."""
    if len(texts) <= limits.inputs and limits.tokens >= 10**9:
        yield texts
        return
    start = tokens = 0
    for position, text in enumerate(texts):
        own = estimate(text)
        if position > start and (position - start >= limits.inputs or tokens + own > limits.tokens):
            yield texts[start:position]
            start, tokens = position, 0
        tokens += own
    yield texts[start:]


def _joined(parts: Sequence[EmbeddingBatch]) -> EmbeddingBatch:
    costs = [part.cost for part in parts]
    known = sum((cost for cost in costs if cost is not None), Decimal(0))
    return EmbeddingBatch(
        np.concatenate([part.vectors for part in parts]), sum(part.tokens for part in parts),
        None if None in costs else known,
    )  # fmt: skip
