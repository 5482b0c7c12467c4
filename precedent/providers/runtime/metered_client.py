"""A call and all that is around it, once for every driver: policy, admission, attempts, repair, price, ledger."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from pydantic import ValidationError

from precedent.errors import PrecedentError
from precedent.providers.base import Driver, Egress
from precedent.providers.classification import classify
from precedent.providers.deadline import within
from precedent.providers.errors import FailureKind, OtherDimensions, ProviderError
from precedent.providers.generation import Completion, GenerationRequest, Rejected, problem_of
from precedent.providers.runtime.admission import outcome_of, places, refusal
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import Admission, CallContext, Ledger
from precedent.providers.runtime.open_drivers import open_driver
from precedent.providers.runtime.retry import delay_of, pause_of, wait_of
from precedent.providers.runtime.settlement import Progress, Reply, T, Work, entry_of
from precedent.providers.tokens import NO_TOKENS, TokenUsage, estimate_many
from precedent.security.masking import count_marks, mask
from precedent.settings import Settings
from precedent.tenants.policies import TenantPolicy
from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError, checked


@dataclass(slots=True)
class Totals:
    """What the calls of a client have come to so far.

    Attributes:
        calls: Calls that were settled, refused ones included.
        answered: Calls with a usable answer.
        masked: Places that were masked before texts left.
        unpriced: Calls whose cost is not known.
        usage: Tokens.
    """

    calls: int = 0
    answered: int = 0
    masked: int = 0
    unpriced: int = 0
    usage: TokenUsage = NO_TOKENS


class MeteredClient:
    """Calls one endpoint for one caller; safe to use from several threads.

    Every attempt is admitted (breaker, limits, budget), priced, and part of the call's one row on the ledger.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        ledger: Ledger,
        policy: TenantPolicy,
        context: CallContext,
        settings: Settings,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint, self.ledger, self.policy, self.context = endpoint, ledger, policy, context
        self._settings, self._sleep = settings, sleep
        self._places = places(endpoint)
        # Asked before and after each call, and the same for all: an endpoint never changes.
        self._tariff, self._performance = endpoint.tariff, endpoint.provider.performance
        self.totals = Totals()
        self._lock = threading.Lock()

    @cached_property
    def external(self) -> bool:
        """True if the endpoint is outside the organisation; asked once, because its name may have to be resolved."""
        return self.endpoint.external

    def embed(
        self, texts: Sequence[str], tokens: int | None = None, operation: str = "embed", *, mask_always: bool = False
    ) -> EmbeddingBatch:
        """Embed texts in one request.

        Args:
            texts: Within the provider's limits.
            tokens: How many tokens they have, where the caller knows.
            operation: What the ledger calls it.
            mask_always: Whether the policy's masking holds for a private endpoint too, because an external one makes
                vectors of the same space.

        Raises:
            ProviderError: no usable answer after all attempts.
        """
        masks = self._masks(always=mask_always)
        leaving = [mask(text) for text in texts] if masks else list(texts)
        masked = count_marks(leaving) if masks else 0
        known = tokens if tokens is not None else estimate_many(leaving)

        def run(driver: Driver) -> Reply[EmbeddingBatch]:
            batch = driver.embed(leaving)
            provider, usage = self.endpoint.provider, TokenUsage(batch.tokens)
            dimensions, found = provider.dimensions, batch.vectors.shape[-1]
            if dimensions and batch.vectors.shape == (len(texts), found) and found != dimensions:
                said = "configured" if provider.options.dimensions else "published for this model"
                raise OtherDimensions(provider.model, found, dimensions, said, usage, batch.cost)
            try:
                checked(batch, len(texts), dimensions or found)
            except EmbeddingError as error:
                raise ProviderError(FailureKind.INVALID_ANSWER, str(error), usage=usage, cost=batch.cost) from None
            return Reply(batch, usage, batch.cost)

        return self._call(Work(operation, len(texts), masked, lambda: TokenUsage(known), run))[0]

    def generate(self, request: GenerationRequest, operation: str = "generate") -> Completion:
        """Answer one request; an answer that `request.validate` refuses counts as no answer.

        Raises:
            ProviderError: no usable answer after all attempts.
        """
        return self.answer(request, operation)[0]

    def answer(self, request: GenerationRequest, operation: str = "generate") -> tuple[Completion, Decimal | None, int]:
        """The same with its cost in USD (None where it is not known) and the number of places that were masked.

        An answer that does not fit is sent back once, with what is wrong, to be repaired.
        """
        asked = request.masked() if self._masks(always=False) else request
        masked = count_marks([asked.system, asked.prompt]) if asked is not request else 0
        if self.external:
            asked = replace(asked, data=None)

        def run(driver: Driver) -> Reply[Completion]:
            nonlocal asked
            try:
                completion = request.checked(driver.generate(asked))
            except ValidationError as error:  # of an SDK that parses the answer itself and keeps its text
                asked = replace(asked, rejected=Rejected(problem_of(error)))
                raise
            except ProviderError as error:
                if error.answer is not None:
                    asked = replace(asked, rejected=Rejected(str(error), error.answer))
                raise
            return Reply(completion, completion.usage, completion.cost, completion.calls)

        def most() -> TokenUsage:
            if self.endpoint.driver.last_resort:  # rules read the fields of the request, and no tokens
                return NO_TOKENS
            return TokenUsage(asked.most_input, 0 if self._tariff.costs_nothing else request.max_output_tokens)

        found, cost = self._call(Work(operation, 1, masked, most, run))
        return found, cost, masked

    def _masks(self, *, always: bool) -> bool:
        """Whether texts are masked before they leave; asked at the one place of each call where they do.

        Raises:
            ProviderError: they may not leave at all.
        """
        reason = self.endpoint.forbidden_by(self.policy, self.context.source)
        if reason is not None:
            raise self._error(FailureKind.POLICY, reason)
        return self.policy.masks and (self.external or always)

    def _call(self, work: Work[T]) -> tuple[T, Decimal | None]:
        """The result of a call and what it cost in USD, None where that is not known."""
        progress = Progress()
        # Money and slot are taken when there is a place for the call, so that waiting for one does not outlast them.
        with self._places:
            wait_s = self._admit(work, progress)
            try:
                result = self._attempts(work, progress, wait_s)
            except ProviderError as failure:
                failure.attempts = progress.attempts
                self._settle(work, progress, failure)
                # `from None`: what an SDK raised may hold headers, and nothing of it must reach an event log.
                raise failure from None
            except BaseException:
                # The caller's doing: it says nothing about the provider's health.
                progress.interrupted()
                interrupted = self._error(FailureKind.CONNECTION, "The call was interrupted.")
                self._settle(work, progress, interrupted, outcome="other")
                raise
            return result, self._settle(work, progress, None)

    def _admit(self, work: Work[T], progress: Progress) -> float:
        """Seconds until the first attempt may be made.

        Raises:
            ProviderError: the call is not admitted.
        """
        admission = self._asked(work, progress)
        if admission.verdict == "go":
            return admission.wait_s
        kind, message = refusal(self.endpoint, admission)
        error = self._error(kind, message)
        if kind is not FailureKind.BREAKER_OPEN:
            self._settle(work, progress, error)
        raise error

    def _asked(self, work: Work[T], progress: Progress) -> Admission:
        """What the ledger says to the next attempt; what all attempts may cost is set aside where it says `go`."""
        endpoint, most = self.endpoint, work.most()
        amount = self._tariff.price(most).usd
        if amount is not None:
            amount += progress.due(self._tariff)
        waited = 0.0
        while True:
            admission = self.ledger.admit(
                endpoint.name,
                endpoint.edit_id,
                self._performance,
                tokens=most.input,
                amount=amount,
                free=amount == 0,
                retry=progress.attempts > 0,
                reservation=progress.reservation,
            )
            # Only calls under way are in the way: what they do not spend is free in a moment.
            if admission.verdict != "budget" or not admission.wait_s or waited >= self._performance.longest_wait_s:
                break
            self._sleep(admission.wait_s)
            waited += admission.wait_s
        if admission.verdict == "go":
            progress.admitted(most, admission)
        return admission

    def _attempts(self, work: Work[T], progress: Progress, wait_s: float) -> T:
        while True:
            if wait_s > 0:
                self._sleep(wait_s)
            progress.begin()
            try:
                reply = self._reply(work)
            except Exception as error:
                failure = self._failure(error)
            else:
                progress.succeeded(reply)
                return reply.result
            progress.failed(failure)
            again = self._again(work, failure, progress)
            if again is None:
                raise failure from None
            wait_s = again

    def _reply(self, work: Work[T]) -> Reply[T]:
        """One attempt; of an endpoint with an address within its time, however slowly the answer drips."""
        driver = open_driver(self.endpoint, self._settings)
        if self.endpoint.driver.egress is Egress.NEVER:
            return work.run(driver)
        driver.prepare()
        return within(self._performance.deadline_s, lambda: work.run(driver))

    def _failure(self, error: Exception) -> ProviderError:
        if isinstance(error, PrecedentError) and not isinstance(error, ProviderError):
            return self._error(FailureKind.CONFIGURATION, str(error))
        failure = classify(error)
        failure.provider = self.endpoint.name
        return failure

    def _again(self, work: Work[T], failure: ProviderError, progress: Progress) -> float | None:
        """Wait before the next attempt; the seconds until its slot, None where there is no further attempt."""
        endpoint = self.endpoint
        if pause := pause_of(failure):
            self.ledger.pause(endpoint.name, endpoint.edit_id, pause)
        most = self._performance.max_attempts
        delay = delay_of(failure, attempts=progress.attempts, unusable=progress.unusable, max_attempts=most)
        if delay is None:
            return None
        self._sleep(wait_of(failure, delay))
        admission = self._asked(work, progress)
        return admission.wait_s if admission.verdict == "go" else None

    def _settle(
        self, work: Work[T], progress: Progress, failure: ProviderError | None, *, outcome: str | None = None
    ) -> Decimal | None:
        entry = entry_of(self.endpoint, self.context, work, progress, failure, self._tariff)
        self.ledger.settle(
            entry,
            progress.reservation,
            outcome or outcome_of(failure, work.operation),
            self._performance,
            str(failure) if failure else None,
            kept=Decimal(0) if entry.cost_usd is not None else progress.due(self._tariff),
            is_trial=progress.is_trial,
        )
        with self._lock:
            totals = self.totals
            totals.calls += 1
            totals.answered += failure is None
            totals.masked += work.masked
            totals.usage += TokenUsage(entry.input_tokens, entry.output_tokens, entry.cached_tokens)
            totals.unpriced += entry.cost_usd is None
        return entry.cost_usd

    def _error(self, kind: FailureKind, message: str) -> ProviderError:
        error = ProviderError(kind, message)
        error.provider = self.endpoint.name
        return error
