"""Which sources a tick asks, for how long, and which keys it gives to the runs that it requests."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from precedent.errors import ActionRequired, RetryLater
from precedent.sources.polling import ProbeRound, due, probe_round, reason_without_probe, round_robin
from precedent.sources.schedule import ScheduledSource
from precedent.sources.source import Probe

NOW = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(minutes=1), NOW - timedelta(minutes=1)


def source(number: int = 1, held: str | None = "A", **changes: Any) -> ScheduledSource:
    """A source that has been synced three times; `held` is its token at the last."""
    known = ScheduledSource(
        id=number,
        tenant_id=1,
        tenant="acme",
        name=f"s{number}",
        kind="jira",
        is_active=True,
        revision=2,
        state="ok",
        wait_until=None,
        failures=0,
        syncs=3,
        last_refresh=EARLIER,
        swept_at=None,
        configured=2,
        token=held,
        reported_at=None,
    )
    return replace(known, **changes)


class Clock:
    """Seconds that go on by what each look takes."""

    def __init__(self, step: float = 0.0) -> None:
        self.seconds = 0.0
        self.step = step
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.seconds

    def probe(self, _: ScheduledSource) -> Probe:
        with self._lock:
            self.seconds += self.step
        return Probe("A", {})


def holding(token: str) -> Callable[[ScheduledSource], Probe]:
    return lambda _: Probe(token, {})


def failing(fault: Exception) -> Callable[[ScheduledSource], Probe]:
    def probe(_: ScheduledSource) -> Probe:
        raise fault

    return probe


def run_key(known: ScheduledSource, token: str, now: datetime = NOW) -> str:
    (wanted,) = probe_round([known], holding(token), now).wanted
    return wanted.run_key


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What a hanging server waits for; set at the end of the test, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"is_active": False}, False),
        ({"wait_until": LATER}, False),
        ({"wait_until": NOW}, True),
        ({"wait_until": EARLIER}, True),
        ({"wait_until": LATER, "revision": 3}, True),
        ({"wait_until": LATER, "revision": 3, "is_active": False}, False),
        ({"state": None, "configured": None, "held": None, "syncs": 0}, True),
    ],
    ids=["well", "paused", "waiting", "just over", "over", "edited since", "edited and paused", "new"],
)
def test_who_may_be_looked_at(changes: dict[str, Any], expected: bool) -> None:
    assert bool(due([source(**changes)], frozenset(), NOW)) is expected


def test_a_source_that_is_being_synced_is_left_alone() -> None:
    assert due([source(1), source(2)], frozenset({"acme/s1"}), NOW) == [source(2)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"state": None, "configured": None, "syncs": 0}, "first"),
        ({"state": "waiting", "syncs": 0, "failures": 2, "wait_until": EARLIER}, "first"),
        ({"revision": 3}, "edited"),
        ({"revision": 3, "failures": 1, "wait_until": EARLIER}, "edited"),
        ({"state": "waiting", "failures": 1, "wait_until": EARLIER}, "again"),
        ({"state": "needs_attention", "failures": 1}, None),
        ({"state": "needs_attention", "failures": 1, "syncs": 0, "held": None}, None),
    ],
    ids=[
        "well",
        "new",
        "never finished",
        "edited",
        "edited after a fault",
        "waited",
        "files that were gone",
        "files that were never there",
    ],
)
def test_who_is_synced_without_a_look(changes: dict[str, Any], reason: str | None) -> None:
    assert reason_without_probe(source(**changes)) == reason


@pytest.mark.parametrize(
    ("after", "order"),
    [(None, [1, 3, 5]), (0, [1, 3, 5]), (3, [5, 1, 3]), (4, [5, 1, 3]), (5, [1, 3, 5]), (9, [1, 3, 5])],
)
def test_a_round_begins_behind_the_source_where_the_last_one_ended(after: int | None, order: list[int]) -> None:
    assert [s.id for s in round_robin([source(5), source(1), source(3)], after)] == order


def test_an_unchanged_source_is_not_synced() -> None:
    found = probe_round([source()], holding("A"), NOW)
    assert found == ProbeRound(asked=1, unchanged=1)


def test_a_changed_source_is_synced() -> None:
    found = probe_round([source(1), source(2, held="B")], holding("B"), NOW)
    assert [wanted.source.id for wanted in found.wanted] == [1]
    assert (found.asked, found.unchanged, found.left, found.after) == (2, 1, 0, None)


def test_a_new_source_is_synced_without_being_asked() -> None:
    found = probe_round([source(state=None, syncs=0, held=None)], failing(AssertionError("asked")), NOW)
    assert [(wanted.reason, found.asked) for wanted in found.wanted] == [("first", 0)]


def test_a_tick_ends_when_its_time_is_over_and_says_where() -> None:
    clock = Clock(step=1.0)
    found = probe_round([source(n) for n in range(1, 21)], clock.probe, NOW, seconds=5, at_once=1, clock=clock)
    assert (found.asked, found.left, found.after) == (5, 15, 5)


@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_ticks_carry_on_until_every_source_has_had_its_turn(at_once: int) -> None:
    sources = [source(n) for n in range(1, 31)]
    asked: list[int] = []
    after: int | None = None
    ticks = 0
    while len(asked) < len(sources):
        clock = Clock(step=1.0)

        def probe(known: ScheduledSource, clock: Clock = clock) -> Probe:
            asked.append(known.id)
            return clock.probe(known)

        after = probe_round(sources, probe, NOW, after=after, seconds=7, at_once=at_once, clock=clock).after
        ticks += 1
    assert ticks > 1, "one tick had time for all"
    assert set(asked[:30]) == set(range(1, 31))


def test_sources_that_went_away_between_ticks_do_not_stop_a_round() -> None:
    found = probe_round([source(2), source(9)], holding("A"), NOW, after=5)
    assert (found.asked, found.after) == (2, None)


def test_no_look_is_begun_when_the_time_is_over() -> None:
    found = probe_round([source(1), source(2)], failing(AssertionError("asked")), NOW, seconds=0.0, clock=Clock())
    assert (found.asked, found.left) == (0, 2)


def test_a_hanging_server_does_not_hold_the_tick_nor_the_others(released: threading.Event) -> None:
    def probe(known: ScheduledSource) -> Probe:
        if known.id == 1:
            released.wait(30)
        return Probe("B", {})

    began = time.monotonic()
    found = probe_round([source(n) for n in range(1, 11)], probe, NOW, seconds=0.5, at_once=2)
    assert time.monotonic() - began < 10
    assert {wanted.source.id for wanted in found.wanted} == set(range(2, 11))
    assert (found.left, found.after) == (1, 10)


def test_a_server_that_was_silent_for_long_has_to_wait(released: threading.Event) -> None:
    clock = Clock()

    def probe(_: ScheduledSource) -> Probe:
        clock.seconds = 20.0  # the tick's time is over while the server says nothing
        released.wait(30)
        return Probe("B", {})

    found = probe_round([source()], probe, NOW, clock=clock)
    ((known, fault),) = found.waiting
    assert (known.id, fault.code, fault.until > NOW) == (1, "no_answer", True)
    assert (found.wanted, found.left, found.after) == ([], 0, None)


def test_a_look_that_was_begun_late_is_repeated_rather_than_called_silent(released: threading.Event) -> None:
    clock = Clock()

    def probe(_: ScheduledSource) -> Probe:
        clock.seconds = 3.0
        released.wait(30)
        return Probe("B", {})

    found = probe_round([source()], probe, NOW, seconds=0.5, clock=clock)
    assert (found.waiting, found.wanted, found.left) == ([], [], 1)


def test_a_server_that_asks_for_patience_is_not_synced() -> None:
    fault = RetryLater("rate_limited", "Jira limits requests (429).", LATER)
    found = probe_round([source()], failing(fault), NOW)
    assert (found.wanted, found.waiting, found.unchanged) == ([], [(source(), fault)], 0)


def test_a_fault_that_needs_attention_is_synced_so_that_the_asset_shows_it() -> None:
    found = probe_round([source()], failing(ActionRequired("unauthorized", "No.")), NOW)
    assert [(wanted.reason, found.waiting) for wanted in found.wanted] == [("unauthorized", [])]


def test_files_that_are_still_gone_are_not_synced_again_and_again() -> None:
    gone = source(state="needs_attention", failures=1)
    assert probe_round([gone], failing(ActionRequired("unreadable", "It does not exist.")), NOW).wanted == []


def test_files_that_are_back_as_they_were_are_synced() -> None:
    assert run_key(source(state="needs_attention", failures=1), "A")


def test_an_error_that_is_no_fault_of_the_source_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        probe_round([source()], failing(ZeroDivisionError()), NOW)


def test_the_same_change_has_the_same_key_in_every_tick_of_an_hour() -> None:
    assert run_key(source(), "B") == run_key(source(), "B", NOW + timedelta(minutes=29))


def test_a_run_that_was_killed_is_asked_for_again_in_another_hour() -> None:
    assert run_key(source(), "B") != run_key(source(), "B", NOW + timedelta(hours=1))


def test_a_server_that_shows_a_then_b_then_a_has_a_key_for_each() -> None:
    first = run_key(source(syncs=3, held="B"), "A")
    second = run_key(source(syncs=4, held="A"), "B")
    third = run_key(source(syncs=5, held="B"), "A")
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("changes", [{"failures": 1}, {"revision": 3, "configured": 3}, {"id": 7}, {"syncs": 4}])
def test_a_key_is_new_after_a_failure_an_edit_another_source_of_the_name_and_a_sync(changes: dict[str, Any]) -> None:
    assert run_key(source(), "B") != run_key(source(**changes), "B")
