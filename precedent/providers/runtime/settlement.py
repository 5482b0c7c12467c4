"""What a call has come to: its tokens, price and row on the ledger, every attempt that was charged for included."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar
from uuid import uuid4

from precedent.providers.base import Driver
from precedent.providers.billing.pricing import Price, Tariff
from precedent.providers.errors import CHARGED, NOT_SENT, FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import CallContext, UsageEntry
from precedent.providers.tokens import NO_TOKENS, TokenUsage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Charge:
    """An answer that the provider charges for, usable or not.

    Attributes:
        usage: Its tokens; None where they are not known.
        cost: What the provider says that it cost, in USD, or None.
    """

    usage: TokenUsage | None
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """One call as the loop of attempts sees it.

    Attributes:
        operation: What the ledger calls it: `embed`, `generate` or `check`.
        inputs: Texts.
        tokens: Estimated input tokens.
        most_output: The most that the answer may take, in tokens.
        masked: Places that were masked.
        run: Makes one attempt; gives the result, what it was charged for and how many HTTP requests it took.
    """

    operation: str
    inputs: int
    tokens: int
    most_output: int
    masked: int
    run: Callable[[Driver], tuple[T, Charge, int]]


@dataclass(slots=True)
class Progress:
    """How far a call has come.

    Attributes:
        attempts: Attempts so far.
        requests: HTTP requests of these attempts.
        unusable: Attempts whose answer could not be used.
        charges: The answers that the provider charges for.
        began: When the last attempt began, as `time.perf_counter` says.
    """

    attempts: int = 0
    requests: int = 0
    unusable: int = 0
    charges: list[Charge] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def begin(self) -> None:
        """Count an attempt that is about to be made."""
        self.attempts += 1
        self.requests += 1
        self.began = time.perf_counter()

    def succeeded(self, charge: Charge, requests: int) -> None:
        """Count its answer."""
        self.requests += requests - 1
        self.charges.append(charge)

    def failed(self, failure: ProviderError) -> None:
        """Count its failure; an answer of no use is charged for all the same."""
        self.unusable += failure.kind is FailureKind.INVALID_ANSWER
        if failure.kind in CHARGED:
            self.charges.append(Charge(failure.usage, failure.cost))


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
    # What was not counted is estimated: by the tokens of the question, and by the cost of another answer of the call.
    reported = next((charge.cost for charge in reversed(progress.charges) if charge.cost is not None), None)
    estimated = False
    usage, price = NO_TOKENS, None
    for charge in progress.charges:
        counted = charge.usage if charge.usage != NO_TOKENS else None
        estimated |= counted is None
        tokens = counted or TokenUsage(work.tokens)
        cost = charge.cost if counted or charge.cost is not None else reported
        usage, price = usage + tokens, _sum(price, tariff.price(tokens, cost))
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
        tokens_estimated=estimated,
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


def _sum(before: Price | None, price: Price) -> Price:
    """Two answers of one call; where the price of one is not known, that of the call is not."""
    if before is None:
        return price
    if before.usd is None or price.usd is None:
        return Price(None)
    return Price(before.usd + price.usd, price.source, price.per_input, price.per_output, price.per_cached)
