"""Whether a failed attempt is tried again, and after which wait."""

import random

from precedent.providers.config.options import LONGEST_RETRY_AFTER_S
from precedent.providers.errors import RETRIED, FailureKind, ProviderError

LONGEST_PAUSE_S = 3600.0
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 20.0
# A model that answers in a wrong shape twice will do so again: the second attempt asks for a repair, a third is none.
ANSWERS_TRIED = 2


def delay_of(failure: ProviderError, *, attempts: int, unusable: int, max_attempts: int) -> float | None:
    """Seconds until the next attempt, or None where there is none.

    Args:
        failure: Why the last attempt failed.
        attempts: Attempts so far.
        unusable: How many of them had an answer that could not be used.
        max_attempts: The provider's own limit.
    """
    if failure.kind not in RETRIED or attempts >= max_attempts or unusable >= ANSWERS_TRIED:
        return None
    if failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= LONGEST_RETRY_AFTER_S else None
    full = min(LONGEST_DELAY_S, FIRST_DELAY_S * float(2 ** (attempts - 1)))
    return full * random.uniform(0.5, 1)  # noqa: S311 - spreads callers, guards nothing


def wait_of(failure: ProviderError, delay: float) -> float:
    """The delay, a little longer where several callers were told the same moment by a Retry-After."""
    spread = random.uniform(0, 0.1) if failure.kind is FailureKind.RATE_LIMITED else 0.0  # noqa: S311
    return delay + spread


def pause_of(failure: ProviderError) -> float | None:
    """Seconds during which no process may call the provider; None where it did not ask for a pause."""
    if failure.kind is not FailureKind.RATE_LIMITED or failure.retry_after is None:
        return None
    return min(failure.retry_after, LONGEST_PAUSE_S)
