"""Repeating a request that failed for a moment: how often, how long, and what a server's headers ask for."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tenacity import RetryCallState

Result = TypeVar("Result")

ATTEMPTS = 4
BACKOFF_S = 1.0
PAUSE_AFTER_TROUBLE = timedelta(minutes=5)
# A server may say that its limit is over, or that it never ends. The first would be asked without a pause, the second
# never again.
SHORTEST_LIMIT_S = 1.0
LONGEST_LIMIT_S = 86_400.0
# Numbers below it are seconds from now, above it seconds since 1970: servers use both for the end of a limit.
FIRST_EPOCH = 1_000_000_000


class Trouble(Exception):
    """An attempt that may succeed when repeated; it never leaves the client that repeats it.

    Attributes:
        code: A stable word, see `SourceFault`.
        reason: The sentence.
        permanent: True if waiting will not help once repeating did not.
        answered: True if the server answered, though not usefully.
    """

    def __init__(self, code: str, reason: str, *, permanent: bool = False, answered: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.permanent = permanent
        self.answered = answered


class Limited(Exception):
    """An attempt that met a rate limit, which ends after `wait_s` seconds."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = min(max(wait_s, SHORTEST_LIMIT_S), LONGEST_LIMIT_S)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to try.

    Attributes:
        deadline_s: No attempt begins, and no answer is read on, after this many seconds from the first attempt.
        short_wait_s: The longest rate limit to wait for, seconds; a longer one is raised at once.
        sleep: How to wait; tests replace it.
        now: The clock, UTC.
    """

    deadline_s: float = 300.0
    short_wait_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def call(self, attempt: Callable[[float], Result]) -> Result:
        """The result of the first attempt that succeeds.

        Trouble is repeated up to four attempts, after 1, 2 and 4 seconds. Within each of them rate limits are waited
        for, as long as they take no more than `short_wait_s` in all.

        Args:
            attempt: Called with the moment (`time.monotonic`) after which it must not go on.

        Raises:
            Trouble: the last attempt failed, too.
            Limited: the limit lasts too long.
        """
        from tenacity import Retrying, retry_if_exception_type, wait_exponential

        end = time.monotonic() + self.deadline_s

        def late(_: "RetryCallState") -> bool:
            return time.monotonic() >= end

        def too_long(state: "RetryCallState") -> bool:
            return state.idle_for + state.upcoming_sleep > self.short_wait_s or late(state)

        limits = Retrying(
            retry=retry_if_exception_type(Limited), wait=_stated, stop=too_long, sleep=self.sleep, reraise=True
        )
        troubles = Retrying(
            retry=retry_if_exception_type(Trouble),
            wait=wait_exponential(BACKOFF_S),
            stop=lambda state: state.attempt_number >= ATTEMPTS or late(state),
            sleep=self.sleep,
            reraise=True,
        )
        result: Result = troubles(limits, attempt, end)
        return result


def _stated(state: "RetryCallState") -> float:
    limited = state.outcome.exception() if state.outcome else None
    return limited.wait_s if isinstance(limited, Limited) else SHORTEST_LIMIT_S


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a rate limit still lasts by a server's headers, or None where they do not say.

    `Retry-After` (seconds or a date) comes first, then an exhausted `X-RateLimit-*` or `RateLimit-*`, whose end may be
    seconds from now, seconds since 1970 or an ISO 8601 date.

    Args:
        headers: By name in lower case.
        now: The clock, UTC.
    """
    value = headers.get("retry-after", "").strip()
    if value:
        seconds = seconds_or_date(value, now)
        if seconds is not None:
            return seconds
    for prefix in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{prefix}-remaining", "").strip() == "0":
            return _until(headers.get(f"{prefix}-reset", "").strip(), now)
    return None


def seconds_or_date(value: str, now: datetime) -> float | None:
    """Seconds from now of a header that holds them or a date; None where it holds neither.

    Args:
        value: What the header says.
        now: The clock, UTC.
    """
    try:
        seconds = float(value)
    except ValueError:
        try:
            found = parsedate_to_datetime(value)
            seconds = ((found if found.tzinfo else found.replace(tzinfo=UTC)) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(reset: str, now: datetime) -> float | None:
    try:
        if reset.isdigit() and int(reset) < FIRST_EPOCH:
            return float(reset)
        moment = datetime.fromtimestamp(float(reset), UTC) if reset.isdigit() else datetime.fromisoformat(reset)
    except (ValueError, OverflowError, OSError):
        return None
    # A second more: clocks differ, and the limit ends with the second that is named.
    return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()) + 1.0
