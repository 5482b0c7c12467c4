"""Embeddings of a tenant: one space, and one or several endpoints that serve its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from precedent.errors import UsageError
from precedent.providers.base import LocalModel
from precedent.providers.errors import FailureKind, OtherDimensions, ProviderError
from precedent.providers.runtime.batches import Isolation, batches
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.runtime.open_drivers import open_driver
from precedent.providers.tokens import ByteTokenCounter
from precedent.security.masking import MASKING_VERSION, mask
from precedent.settings import Settings
from precedent.tenants.policies import TenantPolicy
from precedent.text.chunking import HuggingFaceTokenCounter, TokenCounter
from precedent.vectors.embedding import Arrived, BatchTooLarge, Embedded, EmbeddingBatch, EmbeddingError
from precedent.vectors.space import SpaceProfile

# What a text goes through before the model sees it and a vector before it is stored.
PREPROCESSING = "title+passage/l2"
# A passage of a few hundred tokens says one thing; whole documents in one vector say everything and nothing.
LONGEST_WINDOW = 512
# Some of the texts may be the reason, or the batch as a whole.
OF_THE_TEXTS = frozenset(
    {
        FailureKind.INVALID_ANSWER,
        FailureKind.INVALID_REQUEST,
        FailureKind.CONTEXT_OVERFLOW,
        FailureKind.TOO_LARGE,
        FailureKind.REFUSED,
    }
)
# The same model has the same window everywhere.
NO_OTHER_ENDPOINT = frozenset({FailureKind.CONTEXT_OVERFLOW, FailureKind.TOO_LARGE})


class BudgetExhausted(ProviderError):
    """The tenant's budget of this month is used up; what was done is kept."""

    def __init__(self, message: str) -> None:
        super().__init__(FailureKind.BUDGET, message)


@dataclass(frozen=True, slots=True)
class Served:
    """Who did the work so far.

    Attributes:
        by: Calls that were answered, by provider's name.
        asked: The provider that came first.
        reasons: Why another one served, by the name of the one that did not.
        masked: Places that were masked before texts left.
    """

    by: dict[str, int]
    asked: str
    reasons: dict[str, str]
    masked: int


class Embedder:
    """Turns texts into vectors of one space; the first endpoint that answers serves.

    All endpoints serve the same model in the same dimensions: vectors of another model cannot be compared. Where none
    answers, the texts stay without a vector.
    """

    def __init__(
        self, primary: Endpoint, clients: Sequence[MeteredClient], policy: TenantPolicy, settings: Settings
    ) -> None:
        self.primary = primary
        self._clients = tuple(clients)
        self._policy, self._settings = policy, settings
        self._reasons: dict[str, str] = {}

    @cached_property
    def _local(self) -> LocalModel | None:
        return open_driver(self.primary, self._settings).local_model()

    @cached_property
    def _masks(self) -> bool:
        """One external endpoint is enough: the vectors of all of them are compared."""
        return self._policy.masks and any(client.external for client in self._clients)

    def prepared(self, text: str) -> str:
        """A text as it may be cut into passages: masked as a whole, because half of a key is not recognised."""
        return mask(text) if self._masks else text

    @cached_property
    def profile(self) -> SpaceProfile:
        """What its vectors may be compared with; known without a call.

        Raises:
            UsageError: the dimension is not known yet.
        """
        provider, local = self.primary.provider, self._local
        dimensions = local.dimensions if local else provider.dimensions
        if dimensions is None and self.primary.row_id is None:
            raise UsageError(
                f"The dimension of {provider.model}, which OPENAI_EMBEDDING_MODEL names, is not known: add a provider "
                "with `precedent provider add`, which measures and keeps it."
            )
        if dimensions is None:
            raise UsageError(
                f"The dimension of {provider.model} is not known yet: run `precedent provider test {provider.name}`, "
                "which measures and keeps it."
            )
        model = provider.bare_model if local else provider.common_model
        masked = f"/masked{MASKING_VERSION}" if self._masks else ""
        return SpaceProfile(
            provider=provider.driver if local else "endpoint",
            model=model,
            model_fingerprint=local.revision if local else provider.options.task_type or "",
            dimensions=dimensions,
            precision=local.precision if local else "float32",
            preprocessing=PREPROCESSING + masked,
            cut=f"{model}/{self.window}{masked}",
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
        configured = self.primary.provider.options.window
        if self._local is not None:
            return min(self._local.window, configured or self._local.window)
        return min(configured or LONGEST_WINDOW, self.primary.driver.limits.tokens_each)

    @cached_property
    def counter(self) -> TokenCounter:
        """Counts tokens: by the model's own tokenizer if its files are here, else an estimate that is never too low."""
        if self._local is None:
            return ByteTokenCounter(self.window)
        return HuggingFaceTokenCounter(self._local.load_tokenizer(), self.window)

    def embed(self, texts: Sequence[str], tokens: int | None = None) -> EmbeddingBatch:
        """Embed texts in as many requests as the limits ask for, some at once, in the order of the texts.

        Args:
            texts: The texts.
            tokens: How many tokens they have, where the caller knows.

        Raises:
            EmbeddingError: no endpoint gave usable vectors of one of the requests.
            BudgetExhausted: the tenant's budget is used up.
            OtherDimensions: the last endpoint makes vectors of another dimension than is configured.
        """
        found = self._run(texts, tokens, halves_failures=False)
        if found.vectors is None:
            return EmbeddingBatch(np.empty((0, self.profile.dimensions), np.float32), 0)
        return EmbeddingBatch(found.vectors, found.tokens, found.cost)

    def embed_each(self, texts: Sequence[str], tokens: int | None, arrived: Arrived) -> Embedded:
        """The same, with a vector or a reason for each text: one bad text costs itself and not its neighbours.

        Where the provider is down, or fails again and again without one success, all texts that are left get that
        reason: it has tried often enough by itself. What ends the work at once, such as a budget that is used up, is
        in `stopped`, beside the vectors that were paid for before.

        Args:
            texts: The texts.
            tokens: How many tokens they have, where the caller knows.
            arrived: Is given the vectors of each request as soon as it is answered, to keep what was paid for.
        """
        return self._run(texts, tokens, halves_failures=True, arrived=arrived)

    def served(self) -> Served:
        """Who did the work so far."""
        totals = [(client.endpoint.name, client.totals) for client in self._clients]
        return Served(
            by={name: total.answered for name, total in totals if total.answered},
            asked=self._clients[0].endpoint.name,
            reasons=dict(self._reasons),
            masked=sum(total.masked for _, total in totals),
        )

    def _run(
        self,
        texts: Sequence[str],
        tokens: int | None,
        *,
        halves_failures: bool,
        arrived: Arrived = lambda start, batch: None,
    ) -> Embedded:
        if not texts:
            return Embedded((), None, 0, None, {})

        def embed(batch: Sequence[str]) -> EmbeddingBatch:
            return self._ask(batch, tokens if len(batch) == len(texts) else None)

        found = list(batches(texts, self.primary.batch_limits))
        at_once = self.primary.provider.performance.max_concurrency
        return Isolation(embed, halves_failures=halves_failures, arrived=arrived).run(found, at_once=at_once)

    def _ask(self, texts: Sequence[str], tokens: int | None) -> EmbeddingBatch:
        """The vectors of a batch by the first endpoint that has them."""
        last: ProviderError | None = None
        free_only = False
        for client in self._clients:
            if free_only and not client.endpoint.driver.free:
                continue
            try:
                return client.embed(texts, tokens, mask_always=self._masks)
            except ProviderError as error:
                last = error
            if last.kind is FailureKind.TOO_LARGE and len(texts) > 1:
                raise BatchTooLarge(str(last))
            self._reasons.setdefault(client.endpoint.name, f"{last.kind.value}: {last}")
            if last.kind is FailureKind.BUDGET:
                if self._policy.on_exhausted != "free":
                    raise BudgetExhausted(str(last))
                free_only = True
            elif last.kind in NO_OTHER_ENDPOINT:
                break
        if last is None:
            raise EmbeddingError("no provider", texts_at_fault=False)
        if last.kind is FailureKind.BUDGET:
            raise BudgetExhausted(str(last))
        if isinstance(last, OtherDimensions):
            raise last
        raise EmbeddingError(f"{last.provider}: {last}", texts_at_fault=last.kind in OF_THE_TEXTS)
