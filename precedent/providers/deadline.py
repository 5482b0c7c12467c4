"""A bound for one request as a whole: the timeout of an SDK is one of each read, and a slow server never exceeds it."""

import contextvars
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from precedent.providers.errors import FailureKind, ProviderError

T = TypeVar("T")
# More are ended when their work is done. A thread that waits takes a few kilobytes, a new one half a millisecond.
MOST_IDLE = 64


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of work, which is left behind where it takes longer.

    It runs on a daemon thread: no SDK can be stopped from outside, and what is left behind must neither keep the caller
    nor the end of the process waiting. Its answer, if it ever comes, is dropped.

    Args:
        seconds: The most that it may take.
        work: What is to be done.

    Raises:
        ProviderError: it took longer (TIMEOUT).
        BaseException: whatever the work raises.
    """
    ended: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
    context = contextvars.copy_context()
    try:
        worker = _idle.pop()
    except IndexError:
        worker = _Worker()
    worker.jobs.put((lambda: context.run(work), ended))
    try:
        result, error = ended.get(timeout=seconds)
    except Empty:
        raise ProviderError(FailureKind.TIMEOUT, f"No whole answer within {seconds:g} s.") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # None is the result then


class _Worker:
    """A thread that does one job after the other; idle ones are in `_idle`, so that a job never waits for another."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Any]]] = SimpleQueue()
        threading.Thread(target=self._run, name="provider-call", daemon=True).start()

    def _run(self) -> None:
        keeps_on = True
        while keeps_on:
            work, ended = self.jobs.get()
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = work(), None
            except BaseException as error:  # it is raised where the work was asked for
                outcome = None, error
            keeps_on = len(_idle) < MOST_IDLE
            if keeps_on:
                _idle.append(self)
            ended.put(outcome)
            del work, ended, outcome  # nothing of a call is held while this thread waits


_idle: list[_Worker] = []
# A process that is forked has none of the threads.
os.register_at_fork(after_in_child=_idle.clear)
