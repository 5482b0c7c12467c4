"""A bound for one request as a whole: the timeout of an SDK is one of each read, and a slow server never exceeds it."""

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

from precedent.providers.errors import FailureKind, ProviderError

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of work, which is left behind where it takes longer.

    It runs on a daemon thread of its own: no SDK can be stopped from outside, and what is left behind must neither keep
    the caller nor the end of the process waiting. Its answer, if it ever comes, is dropped.

    Args:
        seconds: The most that it may take.
        work: What is to be done.

    Raises:
        ProviderError: it took longer (TIMEOUT).
        BaseException: whatever the work raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    ended = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # it is raised where the work was asked for
            errors.append(error)
        finally:
            ended.set()

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="provider-call", daemon=True).start()
    if not ended.wait(seconds):
        raise ProviderError(FailureKind.TIMEOUT, f"No whole answer within {seconds:g} s.")
    if errors:
        raise errors[0]
    return results[0]
