"""How many cases, and which: a small fixed set in CI, another large one each time on demand.

`PRECEDENT_TEST_FUZZ=200000` sets how many there are of all tests together.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

IN_CI = 2_000
TOTAL = int(os.environ.get("PRECEDENT_TEST_FUZZ", str(IN_CI)))
# How many of the cases of CI each test has.
SHARES: dict[str, int] = {}
Test = TypeVar("Test", bound=Callable[..., Any])


def cases(share: int) -> Callable[[Test], Test]:
    """Run a test on generated cases: `share` of them in CI, and as large a part of any other number."""

    def applied(test: Test) -> Test:
        SHARES[test.__qualname__] = share
        chosen = settings(
            max_examples=max(1, share * TOTAL // IN_CI),
            derandomize=TOTAL == IN_CI,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        return chosen(test)

    return applied


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Check how much of the processor this thread takes, whatever else the machine does."""
    began = time.thread_time()
    yield
    taken = time.thread_time() - began
    assert taken < seconds, f"took {taken:.1f} s"
