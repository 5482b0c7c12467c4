"""The bound of one request as a whole: threads that are used again, and none that keeps another one waiting."""

import contextvars
import gc
import os
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from precedent.providers.deadline import within
from precedent.providers.errors import FailureKind, ProviderError


def test_a_thread_is_used_again() -> None:
    threads = {within(5, threading.get_ident) for _ in range(20)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_what_is_late_is_left_behind_and_keeps_no_other_waiting() -> None:
    go_on, began = threading.Event(), time.monotonic()
    with pytest.raises(ProviderError) as caught:
        within(0.1, partial(go_on.wait, 30))
    assert caught.value.kind is FailureKind.TIMEOUT
    assert within(5, lambda: "next") == "next"
    assert time.monotonic() - began < 5
    go_on.set()


def test_many_at_once_do_not_wait_for_each_other() -> None:
    together = threading.Barrier(100)
    with ThreadPoolExecutor(100) as executor:
        found = list(executor.map(lambda _: within(30, lambda: together.wait(20)), range(100)))
    assert sorted(found) == list(range(100))
    time.sleep(0.2)
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("provider-call") <= 65  # the others have ended


def test_the_result_the_error_and_the_context_are_the_works_own() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="other")
    variable.set("mine")
    assert within(5, variable.get) == "mine"
    assert within(5, lambda: None) is None
    with pytest.raises(KeyError, match="odd"):
        within(5, lambda: {}["odd"])


class Payload:
    """What a call may hold."""


def test_nothing_of_a_call_is_held_when_it_is_over() -> None:
    held = Payload()
    gone = weakref.ref(held)
    within(5, partial(id, held))
    del held
    gc.collect()
    assert gone() is None


def test_a_forked_process_has_threads_of_its_own() -> None:
    within(5, lambda: None)
    child = os.fork()
    if child == 0:
        os._exit(0 if within(5, lambda: 7) == 7 else 1)
    assert os.waitpid(child, 0)[1] == 0
