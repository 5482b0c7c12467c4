"""Options of clients in tests: waits take no time but are noted."""

from collections.abc import Callable
from datetime import UTC, datetime

from precedent.http.client import HttpOptions
from precedent.retry import RetryPolicy


def quick(
    slept: list[float] | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    short_wait_s: float = 60.0,
    deadline_s: float = 300.0,
    timeout_s: float = 30.0,
    largest_answer: int = 64 << 20,
) -> HttpOptions:
    """Options under which nothing sleeps; the seconds that would have been waited for go to `slept`."""
    waits: list[float] = [] if slept is None else slept
    retry = RetryPolicy(deadline_s=deadline_s, short_wait_s=short_wait_s, sleep=waits.append, now=now)
    return HttpOptions(timeout_s=timeout_s, largest_answer=largest_answer, retry=retry)
