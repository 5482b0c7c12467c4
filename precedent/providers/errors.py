"""What can go wrong with a call, in one vocabulary for all drivers."""

from decimal import Decimal
from enum import StrEnum

from precedent.errors import PrecedentError
from precedent.providers.tokens import TokenUsage
from precedent.security.redaction import scrub


class FailureKind(StrEnum):
    """Why a call has no usable answer; the kinds from CONFIGURATION on are Precedent's own: no request was sent."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    AUTHENTICATION = "authentication"
    NOT_FOUND = "not_found"
    INVALID_REQUEST = "invalid_request"
    TOO_LARGE = "too_large"
    CONTEXT_OVERFLOW = "context_overflow"
    PROVIDER_BUDGET = "provider_budget"
    REFUSED = "refused"
    INVALID_ANSWER = "invalid_answer"
    CONFIGURATION = "configuration"
    POLICY = "policy"
    BUDGET = "budget"
    BREAKER_OPEN = "breaker_open"
    LIMIT = "limit"


RETRIED = frozenset(
    {
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION,
        FailureKind.RATE_LIMITED,
        FailureKind.UNAVAILABLE,
        FailureKind.INVALID_ANSWER,
    }
)
# The provider is down or refuses everything: these kinds alone count towards opening the breaker.
OUTAGES = frozenset(
    {
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION,
        FailureKind.UNAVAILABLE,
        FailureKind.RATE_LIMITED,
        FailureKind.AUTHENTICATION,
        FailureKind.PROVIDER_BUDGET,
    }
)
NOT_SENT = frozenset(
    {FailureKind.CONFIGURATION, FailureKind.POLICY, FailureKind.BUDGET, FailureKind.BREAKER_OPEN, FailureKind.LIMIT}
)
# The provider answered, so that it charges for the call although the answer is of no use.
CHARGED = frozenset({FailureKind.INVALID_ANSWER, FailureKind.REFUSED})
# The provider may have answered after the caller had gone: whether it charges for the call is not known.
UNCERTAIN = frozenset({FailureKind.TIMEOUT, FailureKind.CONNECTION})


class ProviderError(PrecedentError):
    """A call without a usable answer; the message holds no secret.

    A driver raises it where no exception of its SDK says the same: for a refusal, or for an answer that cannot be
    used. Such an answer was charged for: a driver that knows its tokens and cost gives them, so that the ledger does
    not have to estimate.

    Attributes:
        kind: Why.
        status: The HTTP status, where there was one.
        retry_after: Seconds that the provider asks to wait, where it does.
        usage: The tokens of an answer that cannot be used; None where they are not known.
        cost: What the provider says that this answer cost, in USD, or None.
        answer: The text of an answer that does not fit the schema; it is sent back once to be repaired.
        arrived: False where the request did not reach the provider, so that it cost nothing.
        provider: The provider's name; set by the metered client.
        attempts: How often the call was tried; set by the metered client.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        usage: TokenUsage | None = None,
        cost: Decimal | None = None,
        answer: str | None = None,
        arrived: bool = True,
    ) -> None:
        super().__init__(scrub(message))
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.usage, self.cost, self.answer = usage, cost, answer
        self.arrived = arrived
        self.provider: str | None = None
        self.attempts = 0


class OtherDimensions(ProviderError):
    """Vectors of another dimension than is configured: every text would get such a one, so that the work ends."""

    def __init__(self, model: str, found: int, wanted: int, said: str, usage: TokenUsage, cost: Decimal | None) -> None:
        """Say what to do.

        Args:
            model: That was asked.
            found: The dimensions of its vectors.
            wanted: Those that were expected.
            said: Why: `configured`, or where else the number comes from.
            usage: The tokens of the answer.
            cost: What the provider says that it cost, in USD, or None.
        """
        message = (
            f"{model} gives vectors of {found} dimensions, and {wanted} are {said}: set --option dimensions={found}, "
            "or correct the model or its address."
        )
        super().__init__(FailureKind.INVALID_ANSWER, message, usage=usage, cost=cost)
