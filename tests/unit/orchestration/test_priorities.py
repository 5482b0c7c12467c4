"""Whose turn it is: classes never mix, tenants alternate, a tenant's own order is kept."""

import pytest

from orchestration.run_queue import GAP, RunClass, next_virtual_time, owner, priority, run_class


def test_the_first_run_of_an_empty_class_has_the_first_turn() -> None:
    assert next_virtual_time(served=None, waiting=None, own=None) == 0


def test_a_tenants_next_run_stands_behind_its_last() -> None:
    assert next_virtual_time(served=3, waiting=4, own=99) == 100


def test_a_tenant_that_comes_later_starts_at_what_is_being_served_and_not_at_the_beginning() -> None:
    assert next_virtual_time(served=40, waiting=41, own=None) == 40


def test_what_waits_first_stands_in_where_nothing_is_being_served() -> None:
    assert next_virtual_time(served=None, waiting=41, own=None) == 41


def test_a_tenant_that_was_away_saves_up_no_turns() -> None:
    assert next_virtual_time(served=40, waiting=41, own=2) == 40


@pytest.mark.parametrize(
    ("before", "after"), [(RunClass.INCIDENT, RunClass.LIVE), (RunClass.LIVE, RunClass.BULK)], ids=str
)
def test_the_last_turn_of_a_class_goes_before_the_first_of_the_next(before: RunClass, after: RunClass) -> None:
    last = next_virtual_time(served=None, waiting=None, own=10 * GAP)
    assert priority(before, last) > priority(after, 0)


def test_no_priority_exceeds_the_32_bits_in_which_dagster_keeps_it() -> None:
    last = next_virtual_time(served=None, waiting=None, own=10 * GAP)
    assert max(abs(priority(kind, turn)) for kind in RunClass for turn in (0, last)) < 2**31 - 1000


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({}, RunClass.LIVE),
        ({"precedent/class": "incident"}, RunClass.INCIDENT),
        ({"precedent/class": "bulk"}, RunClass.BULK),
        ({"precedent/class": "of its own"}, RunClass.LIVE),
        ({"dagster/backfill": "abc"}, RunClass.BULK),
        ({"dagster/backfill": "abc", "precedent/class": "incident"}, RunClass.INCIDENT),
        ({"dagster/backfill": "abc", "dagster/from_automation_condition": "true"}, RunClass.LIVE),
    ],
)
def test_a_runs_class_follows_from_its_tags(tags: dict[str, str], kind: RunClass) -> None:
    assert run_class(tags) is kind


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({"dagster/partition": "acme/records"}, {"precedent/tenant": "acme", "precedent/source": "records"}),
        (
            {"dagster/asset_partition_range_start": "acme/a", "dagster/asset_partition_range_end": "acme/b"},
            {"precedent/tenant": "acme", "precedent/source": "a"},
        ),
        ({"dagster/partition": "2026-01-01"}, {}),
        ({}, {}),
    ],
)
def test_tenant_and_source_are_those_of_the_partition(tags: dict[str, str], found: dict[str, str]) -> None:
    assert owner(tags) == found
