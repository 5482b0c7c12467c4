"""What a call has come to: its tokens, price and row on the ledger, every attempt that was charged for included."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import uuid4

from precedent.providers.base import Driver
from precedent.providers.billing.pricing import MOST_STORED, ROUNDED, Price, Tariff, reported_usd, stored
from precedent.providers.errors import CHARGED, NOT_SENT, UNCERTAIN, FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import Admission, CallContext, UsageEntry
from precedent.providers.tokens import NO_TOKENS, TokenUsage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Charge:
    """An attempt that the provider charges for, or may charge for.

    Attributes:
        most: The most tokens that it may take.
        usage: Its tokens; None where they are not known.
        cost: What the provider says that it cost, in USD, or None.
        is_certain: False where it is not known whether it is charged for: no answer has come.
    """

    most: TokenUsage
    usage: TokenUsage | None = None
    cost: Decimal | None = None
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What one attempt has brought.

    Attributes:
        result: The usable answer.
        usage: Its tokens.
        cost: What the provider says that it cost, in USD, or None.
        requests: HTTP requests that it took.
    """

    result: T
    usage: TokenUsage
    cost: Decimal | None
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """One call as the loop of attempts sees it.

    Attributes:
        operation: What the ledger calls it: `embed`, `generate` or `check`.
        inputs: Texts.
        masked: Places that were masked.
        most: The most tokens that the next attempt may take; a repair is longer than what it repairs.
        run: Makes one attempt.
    """

    operation: str
    inputs: int
    masked: int
    most: Callable[[], TokenUsage]
    run: Callable[[Driver], Reply[T]]


@dataclass(slots=True)
class Progress:
    """How far a call has come.

    Attributes:
        attempts: Attempts so far.
        requests: HTTP requests of these attempts.
        unusable: Attempts whose answer could not be used.
        charges: What the provider charges for, or may charge for.
        most: The most tokens that the next attempt may take.
        under_way: The same of the attempt under way; None between attempts.
        reservation: The money that is set aside for the call.
        is_trial: Whether the call tries an open breaker.
        began: When the last attempt began, as `time.perf_counter` says.
    """

    attempts: int = 0
    requests: int = 0
    unusable: int = 0
    charges: list[Charge] = field(default_factory=list)
    most: TokenUsage = NO_TOKENS
    under_way: TokenUsage | None = None
    reservation: int | None = None
    is_trial: bool = False
    began: float = field(default_factory=time.perf_counter)

    def admitted(self, most: TokenUsage, admission: Admission) -> None:
        """Keep what the ledger has given for the next attempt."""
        self.most, self.reservation = most, admission.reservation or self.reservation
        self.is_trial |= admission.is_trial

    def begin(self) -> None:
        """Count an attempt that is about to be made."""
        self.attempts += 1
        self.requests += 1
        self.under_way = self.most
        self.began = time.perf_counter()

    def succeeded(self, reply: Reply[Any]) -> None:
        """Count its answer."""
        self.requests += reply.requests - 1
        self._charge(reply.usage, reply.cost)

    def failed(self, failure: ProviderError) -> None:
        """Count its failure; an answer of no use is charged for all the same."""
        self.unusable += failure.kind is FailureKind.INVALID_ANSWER
        if failure.kind in CHARGED or failure.usage is not None or failure.cost is not None:
            self._charge(failure.usage, failure.cost)
        elif failure.kind in UNCERTAIN and failure.arrived:
            self.interrupted()
        self.under_way = None

    def interrupted(self) -> None:
        """Count an attempt that was under way and whose end is not known."""
        if self.under_way is not None:
            self.charges.append(Charge(self.under_way, is_certain=False))
            self.under_way = None

    def _charge(self, usage: TokenUsage | None, cost: Decimal | None) -> None:
        """The one door for a provider's figures, whichever driver brings them: one that cannot be is none."""
        counted = TokenUsage.reported(usage.input, usage.output, usage.cached) if usage else NO_TOKENS
        amount = None if cost is None else reported_usd(cost)
        self.charges.append(Charge(self.under_way or NO_TOKENS, counted if counted != NO_TOKENS else None, amount))
        self.under_way = None

    def due(self, tariff: Tariff) -> Decimal:
        """USD that the attempts so far have cost; what is not known counts as the most that it may be."""
        total = Decimal(0)
        for charge in self.charges:
            cost = _price(charge, tariff, None).usd if charge.is_certain else None
            if cost is None:
                cost = tariff.price(charge.most).usd
            total += cost or 0
        return min(total, MOST_STORED - ROUNDED)


def entry_of(
    endpoint: Endpoint,
    context: CallContext,
    work: Work[Any],
    progress: Progress,
    failure: ProviderError | None,
    tariff: Tariff,
) -> UsageEntry:
    """The call's row on the ledger.

    Args:
        endpoint: What was called.
        context: Who called.
        work: The call.
        progress: Its attempts.
        failure: Why there is no usable answer, or None.
        tariff: How the endpoint's calls are priced.
    """
    reported = next((charge.cost for charge in reversed(progress.charges) if charge.cost is not None), None)
    usage, price = NO_TOKENS, None
    for charge in progress.charges:
        if charge.is_certain:
            usage += charge.usage or charge.most
        price = _sum(price, _price(charge, tariff, reported))
    uncounted = [charge.most for charge in progress.charges if charge.is_certain and charge.usage is None]
    sent = failure is None or failure.kind not in NOT_SENT
    return UsageEntry(
        call_id=uuid4(),
        provider=endpoint.name,
        driver=endpoint.driver.name,
        model=endpoint.provider.model,
        revision=endpoint.edit_id,
        operation=work.operation,
        route=context.route,
        latency_ms=(time.perf_counter() - progress.began) * 1000,
        attempts=progress.requests if sent else 0,
        status="succeeded" if failure is None else "failed" if sent else "refused",
        inputs=work.inputs,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cached_tokens=usage.cached,
        tokens_estimated=any(most != NO_TOKENS for most in uncounted),
        cost_usd=price.usd if price else Decimal(0),
        cost_source=price.source if price else None,
        input_price_usd=price.per_input if price else None,
        output_price_usd=price.per_output if price else None,
        cached_price_usd=price.per_cached if price else None,
        failure=failure.kind.value if failure else None,
        http_status=failure.status if failure else None,
        masked=work.masked,
        dagster_run_id=context.dagster_run_id,
        asset=context.asset,
        partition=context.partition,
    )


def _price(charge: Charge, tariff: Tariff, elsewhere: Decimal | None) -> Price:
    """The price of one attempt. Of tokens that were not counted the most counts.

    `elsewhere` is the reported cost of another answer of the call: better than none for an answer without figures.
    """
    if not charge.is_certain:
        bound = tariff.price(charge.most)
        return bound if bound.usd == 0 else Price(None)
    cost = elsewhere if charge.cost is None and charge.usage is None else charge.cost
    return tariff.price(charge.usage or charge.most, cost)


def _sum(before: Price | None, price: Price) -> Price:
    """Two answers of one call; where the price of one is not known, that of the call is not."""
    if before is None:
        return price
    usd = None if before.usd is None or price.usd is None else stored(before.usd + price.usd)
    return Price(None) if usd is None else Price(usd, price.source, price.per_input, price.per_output, price.per_cached)
