"""Text generation of a tenant: the chain of providers, ending at the rules that always answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from precedent.providers.base import Completion, GenerationRequest
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.providers.runtime.endpoint import Target
from precedent.providers.runtime.metered_client import MeteredDriver
from precedent.tenants.policies import TenantPolicy


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, who was asked, who served, and why it was not the same.

    Attributes:
        completion: The answer.
        asked: The provider that came first.
        served: The one that answered.
        skipped: Those that did not, each with `provider`, `kind` and `reason`, in the order in which they were tried.
        cost: USD of this answer, or None where nobody knows.
        masked: Places that were masked before the prompt left.
    """

    completion: Completion
    asked: Target
    served: Target
    skipped: tuple[dict[str, Any], ...]
    cost: Decimal | None
    masked: int

    @property
    def fallback_reason(self) -> str | None:
        """Why another one served than was asked, or None."""
        if self.served.name == self.asked.name or not self.skipped:
            return None
        return f"{self.skipped[0]['kind']}: {self.skipped[0]['reason']}"


class Generator:
    """Asks the first provider, and the next where it gives no usable answer."""

    def __init__(self, drivers: Sequence[MeteredDriver], policy: TenantPolicy) -> None:
        self.drivers = tuple(drivers)
        self.policy = policy

    @property
    def asked(self) -> Target:
        """The provider that is asked first."""
        return self.drivers[0].target

    def generate(self, request: GenerationRequest) -> Answer:
        """An answer by the first provider that has one.

        Raises:
            BudgetExhausted: the tenant's money is used up and its policy says to stop.
            ProviderError: not even the last one answered.
        """
        skipped: list[dict[str, Any]] = []
        free_only, overflowed, last = False, 0, None
        for driver in self.drivers:
            target = driver.target
            if free_only and not target.driver.free:
                skipped.append(_skip(target, FailureKind.BUDGET, "it is not free"))
                continue
            if overflowed and target.driver.name != "local" and (target.options.context_tokens or 0) <= overflowed:
                skipped.append(_skip(target, FailureKind.CONTEXT_OVERFLOW, "its window is not known to be larger"))
                continue
            try:
                completion, cost, masked = driver.answer(request)
            except ProviderError as error:
                last = error
                skipped.append(_skip(target, error.kind, str(error)))
                if error.kind is FailureKind.BUDGET:
                    if self.policy.on_exhausted != "free":
                        raise BudgetExhausted(str(error)) from None
                    free_only = True
                if error.kind is FailureKind.CONTEXT_OVERFLOW:
                    overflowed = max(overflowed, target.options.context_tokens or 1)
            else:
                return Answer(completion, self.asked, target, tuple(skipped), cost, masked)
        raise last or ProviderError(FailureKind.CONFIGURATION, "There is no provider to ask.")


def _skip(target: Target, kind: FailureKind, reason: str) -> dict[str, Any]:
    return {"provider": target.name, "kind": kind.value, "reason": reason[:300]}
