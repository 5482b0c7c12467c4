"""Text generation of a tenant: the chain of providers, ending at a driver of last resort that always answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.tenants.policies import TenantPolicy

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, who was asked, who served, and why it was not the same.

    Attributes:
        completion: The answer.
        asked: The provider that came first.
        served: The one that answered.
        skipped: Those that did not, each with `provider`, `kind` and `reason`, in the order in which they were tried.
        cost: USD of this answer; None where it is not known.
        masked: Places that were masked before the prompt left.
    """

    completion: Completion
    asked: Endpoint
    served: Endpoint
    skipped: tuple[dict[str, Any], ...]
    cost: Decimal | None
    masked: int

    @property
    def fallback_reason(self) -> str | None:
        """Why another provider served than was asked, or None."""
        if self.served.name == self.asked.name or not self.skipped:
            return None
        return f"{self.skipped[0]['kind']}: {self.skipped[0]['reason']}"


class Generator:
    """Asks the first provider, and the next where it gives no usable answer."""

    def __init__(self, clients: Sequence[MeteredClient], policy: TenantPolicy) -> None:
        self.clients = tuple(clients)
        self.policy = policy

    @property
    def asked(self) -> Endpoint:
        """The endpoint that is asked first."""
        return self.clients[0].endpoint

    @property
    def at_once(self) -> int:
        """How many requests it is useful to make at once; the provider's own limits hold whatever is asked."""
        return 1 if self.asked.driver.last_resort else self.asked.provider.performance.max_concurrency

    def generate(self, request: GenerationRequest) -> Answer:
        """An answer by the first provider that has one.

        Raises:
            BudgetExhausted: the tenant's budget is used up and its policy says to stop.
            ProviderError: not even the last one answered.
        """
        skipped: list[dict[str, Any]] = []
        free_only, overflowed, last = False, 0, None
        for client in self.clients:
            endpoint = client.endpoint
            window = endpoint.provider.options.context_tokens or 0
            if free_only and not endpoint.driver.free:
                skipped.append(_skip(endpoint, FailureKind.BUDGET, "it is not free"))
                continue
            if overflowed and window <= overflowed and not endpoint.driver.last_resort:
                skipped.append(_skip(endpoint, FailureKind.CONTEXT_OVERFLOW, "its window is not known to be larger"))
                continue
            try:
                completion, cost, masked = client.answer(request)
            except ProviderError as error:
                last = error
                skipped.append(_skip(endpoint, error.kind, str(error)))
                if error.kind is FailureKind.BUDGET:
                    if self.policy.on_exhausted != "free":
                        raise BudgetExhausted(str(error)) from None
                    free_only = True
                if error.kind is FailureKind.CONTEXT_OVERFLOW:
                    overflowed = max(overflowed, window or 1)
            else:
                return Answer(completion, self.asked, endpoint, tuple(skipped), cost, masked)
        raise last or ProviderError(FailureKind.CONFIGURATION, "There is no provider to ask.")


def _skip(endpoint: Endpoint, kind: FailureKind, reason: str) -> dict[str, Any]:
    return {"provider": endpoint.name, "kind": kind.value, "reason": reason[:LONGEST_REASON]}
