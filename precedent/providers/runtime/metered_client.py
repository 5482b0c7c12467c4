"""A call and all that is around it, once for every driver: policy, gate, attempts, price, ledger."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from precedent.errors import PrecedentError
from precedent.providers.base import Completion, Driver, GenerationRequest, TokenUsage
from precedent.providers.errors import NOT_SENT, RETRIED, FailureKind, ProviderError, classify
from precedent.providers.runtime.admission import outcome_of, places, refusal
from precedent.providers.runtime.endpoint import Target, open_driver
from precedent.providers.runtime.ledger import Admission, Ledger, UsageEntry
from precedent.providers.runtime.tokens import estimate, estimate_many
from precedent.security.masking import mask
from precedent.settings import Settings
from precedent.tenants.policies import TenantPolicy
from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError, checked

T = TypeVar("T")
LONGEST_RETRY_AFTER_S, LONGEST_PAUSE_S = 60.0, 3600.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 20.0
# A model that answers in a wrong shape twice will do so again.
ANSWERS_TRIED = 2


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who calls and for what; written to the ledger."""

    tenant_id: int
    route: str = "interactive"
    dagster_run_id: str | None = None
    asset: str | None = None
    partition: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One call as the loop of attempts sees it."""

    operation: str
    inputs: int
    tokens: int
    most_output: int
    masked: int
    run: Callable[[Driver], Any]
    measure: Callable[[Any], tuple[TokenUsage, Decimal | None, int]]


@dataclass(slots=True)
class Progress:
    """How far a call has come: its attempts, when the last one began, and the answers that were of no use."""

    attempts: int = 0
    unusable: int = 0
    began: float = field(default_factory=time.perf_counter)


class MeteredDriver:
    """A target behind its gate; safe to use from several threads."""

    def __init__(
        self, target: Target, ledger: Ledger, policy: TenantPolicy, context: CallContext, settings: Settings,
        *, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.target, self.ledger, self.policy, self.context = target, ledger, policy, context
        self._settings, self._sleep = settings, sleep
        self._places = places(target)
        # Read before and after each call, and the same for all: a target never changes.
        self._tariff, self._limits = target.tariff, target.limits
        self.calls = self.answered = self.masked = self.unpriced = 0
        self.cost = Decimal(0)
        self.usage = TokenUsage()
        self._lock = threading.Lock()

    @cached_property
    def external(self) -> bool:
        """Whether texts leave for somebody else; asked once, because it may need the name to be resolved."""
        return self.target.external

    def embed(
        self, texts: Sequence[str], tokens: int | None = None, operation: str = "embed", *, mask_always: bool = False
    ) -> EmbeddingBatch:
        """Embed texts in one request.

        Args:
            texts: Within the provider's limits.
            tokens: How many tokens they have, where the caller knows.
            operation: What the ledger calls it.
            mask_always: Whether the policy's masking holds for an endpoint of one's own too, because an external one
                makes vectors of the same space.

        Raises:
            ProviderError: no usable answer after all attempts.
        """
        leaving, masked = self._leaving(texts, mask_always=mask_always)
        known = tokens if tokens is not None else estimate_many(leaving)

        def run(driver: Driver) -> EmbeddingBatch:
            batch = driver.embed(leaving)
            dimensions = self.target.dimensions or (batch.vectors.shape[1] if batch.vectors.ndim == 2 else 0)
            try:
                return checked(batch, len(texts), dimensions)
            except EmbeddingError as error:
                raise ProviderError(FailureKind.INVALID_ANSWER, str(error)) from None

        def measure(batch: EmbeddingBatch) -> tuple[TokenUsage, Decimal | None, int]:
            return TokenUsage(batch.tokens), batch.cost, 1

        found: EmbeddingBatch = self._call(Work(operation, len(texts), known, 0, masked, run, measure))[0]
        return found

    def generate(self, request: GenerationRequest, operation: str = "generate") -> Completion:
        """Answer one request; an answer that `request.validate` refuses counts as no answer.

        Raises:
            ProviderError: no usable answer after all attempts.
        """
        return self.answer(request, operation)[0]

    def answer(self, request: GenerationRequest, operation: str = "generate") -> tuple[Completion, Decimal | None, int]:
        """The same with its cost in USD (None where nobody knows) and the places that were masked."""
        (system, prompt), masked = self._leaving([request.system, request.prompt])
        leaving = replace(request, system=system, prompt=prompt)

        def run(driver: Driver) -> Completion:
            completion = driver.generate(leaving)
            if request.validate is not None:
                try:
                    request.validate(completion.value)
                except ValueError as error:
                    reason = str(error).splitlines()[0][:200]
                    raise ProviderError(FailureKind.INVALID_ANSWER, f"The answer was not usable: {reason}") from None
            return completion

        def measure(completion: Completion) -> tuple[TokenUsage, Decimal | None, int]:
            return completion.usage, completion.cost, completion.calls

        tokens = estimate(system) + estimate(prompt)
        found, cost = self._call(Work(operation, 1, tokens, request.max_output_tokens, masked, run, measure))
        return found, cost, masked

    def _leaving(self, texts: Sequence[str], *, mask_always: bool = False) -> tuple[list[str], int]:
        """The one place where texts leave: as they are, masked, or not at all."""
        if self.external and not self.policy.allows_external(self.context.source):
            kept = self.policy.allow_external  # then it is the source's own policy that forbids it
            whose = f"the source {self.context.source}" if kept else "this tenant"
            raise self._error(
                FailureKind.POLICY, f"The policy of {whose} forbids external providers, and {self.target.name} is one."
            )
        if not self.policy.mask or not (self.external or mask_always):
            return list(texts), 0
        masked = mask(texts)
        return masked.texts, masked.replaced

    def _call(self, work: Work) -> tuple[Any, Decimal | None]:
        admission = self._admit(work)
        progress = Progress()
        try:
            if admission.wait_s > 0:
                self._sleep(admission.wait_s)
            result = self._attempts(work, progress)
        except ProviderError as failure:
            failure.attempts = progress.attempts
            self._settle(work, admission.reservation, progress, None, failure)
            # `from None`: what an SDK raised may hold headers, and nothing of it must reach an event log.
            raise failure from None
        except BaseException:
            # Ours, not the provider's: it says nothing of its health.
            interrupted = self._error(FailureKind.CONNECTION, "The call was interrupted.")
            self._settle(work, admission.reservation, progress, None, interrupted, outcome="other")
            raise
        return result, self._settle(work, admission.reservation, progress, result, None)

    def _attempts(self, work: Work, progress: Progress) -> Any:
        while True:
            progress.attempts += 1
            progress.began = time.perf_counter()
            try:
                with self._places:
                    return work.run(open_driver(self.target, self._settings))
            except Exception as error:
                failure = self._failed(error)
            progress.unusable += failure.kind is FailureKind.INVALID_ANSWER
            delay = self._delay(failure, progress)
            if delay is None or not self._again(work, failure, delay):
                raise failure from None

    def _admit(self, work: Work) -> Admission:
        target = self.target
        amount = self._tariff.price(TokenUsage(work.tokens, work.most_output)).usd
        admission = self.ledger.admit(
            target.name, target.edit, self._limits, tokens=work.tokens, amount=amount, free=amount == 0
        )
        if admission.verdict == "go":
            return admission
        kind, message = refusal(target, admission.verdict, admission.wait_s, admission.detail)
        error = self._error(kind, message)
        if kind is not FailureKind.BREAKER_OPEN:
            self._settle(work, None, Progress(), None, error)
        raise error

    def _failed(self, error: Exception) -> ProviderError:
        if isinstance(error, PrecedentError) and not isinstance(error, ProviderError):
            failure = self._error(FailureKind.CONFIGURATION, str(error))
        else:
            failure = classify(error)
        failure.provider = self.target.name
        return failure

    def _delay(self, failure: ProviderError, progress: Progress) -> float | None:
        """Seconds until the next attempt, or None where there is none."""
        if failure.retry_after is not None and failure.kind is FailureKind.RATE_LIMITED:
            self.ledger.pause(self.target.name, self.target.edit, min(failure.retry_after, LONGEST_PAUSE_S))
        if failure.kind not in RETRIED or progress.attempts >= self.target.performance.max_attempts:
            return None
        if progress.unusable >= ANSWERS_TRIED:
            return None
        if failure.retry_after is not None:
            return failure.retry_after if failure.retry_after <= LONGEST_RETRY_AFTER_S else None
        full = min(LONGEST_DELAY_S, FIRST_DELAY_S * float(2 ** (progress.attempts - 1)))
        return full * random.uniform(0.5, 1)  # noqa: S311 - spreads callers, guards nothing

    def _again(self, work: Work, failure: ProviderError, delay: float) -> bool:
        self._sleep(delay if failure.kind is not FailureKind.RATE_LIMITED else delay + random.uniform(0, 0.1))  # noqa: S311
        admission = self.ledger.admit(
            self.target.name, self.target.edit, self._limits, tokens=work.tokens, amount=None, free=True, retry=True
        )
        if admission.verdict != "go":
            return False
        if admission.wait_s > 0:
            self._sleep(admission.wait_s)
        return True

    def _settle(
        self, work: Work, reservation: int | None, progress: Progress, result: Any, failure: ProviderError | None,
        *, outcome: str | None = None,
    ) -> Decimal | None:  # fmt: skip
        target, context = self.target, self.context
        usage, reported, calls = work.measure(result) if failure is None else (TokenUsage(), None, 0)
        estimated = failure is None and usage == TokenUsage()
        if estimated:
            usage = TokenUsage(work.tokens)
        # What was answered in another shape, or refused, was charged for all the same, and its usage nobody saw.
        unseen = progress.unusable + (failure is not None and failure.kind is FailureKind.REFUSED)
        if unseen:
            usage, estimated = usage + TokenUsage(work.tokens * unseen), True
            reported = None if reported is None else reported * (1 + unseen)
        answered = failure is None or unseen > 0
        price = self._tariff.price(usage, reported) if answered else None
        sent = failure is None or failure.kind not in NOT_SENT
        entry = UsageEntry(
            call_id=uuid4(), provider=target.name, driver=target.driver.name, model=target.model,
            revision=target.edit, operation=work.operation, route=context.route,
            latency_ms=(time.perf_counter() - progress.began) * 1000,
            attempts=max(progress.attempts - 1, 0) + max(calls, min(progress.attempts, 1)) if sent else 0,
            status="succeeded" if failure is None else "failed" if sent else "refused",
            inputs=work.inputs, input_tokens=usage.input, output_tokens=usage.output, cached_tokens=usage.cached,
            tokens_estimated=estimated,
            cost_usd=price.usd if price else Decimal(0), cost_source=price.source if price else None,
            input_price_usd=price.per_input if price else None, output_price_usd=price.per_output if price else None,
            cached_price_usd=price.per_cached if price else None,
            failure=failure.kind.value if failure else None, http_status=failure.status if failure else None,
            masked=work.masked, dagster_run_id=context.dagster_run_id, asset=context.asset,
            partition=context.partition,
        )  # fmt: skip
        why = str(failure) if failure else None
        self.ledger.settle(entry, reservation, outcome or outcome_of(failure), self._limits, why)
        with self._lock:
            self.calls += 1
            self.answered += failure is None
            self.masked += work.masked
            self.usage += usage
            if entry.cost_usd is None:
                self.unpriced += 1
            else:
                self.cost += entry.cost_usd
        return entry.cost_usd

    def _error(self, kind: FailureKind, message: str) -> ProviderError:
        error = ProviderError(kind, message)
        error.provider = self.target.name
        return error
