"""Schedules: sweeps a part at a time, reports once a week, for those that can be asked only."""

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from precedent.quality import repository as reports
from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.sources.source import Probe
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.state import State
from precedent.vectors import space as spaces
from precedent.vectors.space import SpaceProfile
from tests.integration.automation.sensor_fixtures import PARTITIONS, Ticking

pytest_plugins = ["tests.integration.automation.sensor_fixtures"]
HOUR = datetime(2026, 4, 1, 12, 7, tzinfo=UTC)
SHARE = 25  # of a small installation in one hour


def synced(ticking: Ticking, row: SourceRow, *, swept: bool = False, **outcome: object) -> None:
    """Leave what a sync leaves behind; its moment is the database's own."""
    with ticking.database.bulk(row.tenant_id) as connection:
        found = {"state": State.OK, "revision": row.revision, **outcome}
        sync_state.save_outcome(connection, row.tenant_id, row.id, **found)  # type: ignore[arg-type]
        sync_state.save_complete(connection, row.id, Probe("A", {}), swept=swept)


def sources(ticking: Ticking, number: int, kind: str = "github") -> list[SourceRow]:
    rows = [
        catalog.add(ticking.database, ticking.tenant, f"{kind}-{n}", kind, {"repository": f"acme/{n}"})
        for n in range(number)
    ]
    ticking.instance.add_dynamic_partitions(PARTITIONS, [row.key for row in rows])
    return rows


def swept_at(ticking: Ticking, now: datetime) -> list[str]:
    return [request.partition_key or "" for request in ticking.at("sweeps", now)]


def now() -> datetime:
    return datetime.now(UTC)


def test_sweeps_are_spread_over_hours_and_reach_every_source_once(ticking: Ticking) -> None:
    rows = {row.key: row for row in sources(ticking, 2 * SHARE + 10)}
    for row in rows.values():
        synced(ticking, row)
    hours = []
    while keys := swept_at(ticking, now()):
        hours.append(keys)
        for key in keys:
            synced(ticking, rows[key], swept=True)
    assert [len(keys) for keys in hours] == [SHARE, SHARE, 10]
    assert {key for keys in hours for key in keys} == set(rows)
    assert swept_at(ticking, now() + timedelta(hours=23)) == []
    assert len(swept_at(ticking, now() + timedelta(hours=25))) == SHARE


def test_a_sweep_says_so_and_goes_behind_everything_else(ticking: Ticking) -> None:
    (row,) = sources(ticking, 1)
    synced(ticking, row)
    (request,) = ticking.at("sweeps", HOUR)
    assert request.run_config == {"ops": {"raw_records": {"config": {"sweep": True}}}}
    assert request.tags["precedent/class"] == "bulk"


def test_a_sweep_that_is_still_queued_is_not_requested_again(ticking: Ticking) -> None:
    (row,) = sources(ticking, 1)
    synced(ticking, row)
    (request,) = ticking.at("sweeps", HOUR)
    ticking.queue("sync", request)
    assert ticking.at("sweeps", HOUR + timedelta(hours=1)) == []


def test_sources_that_wait_take_no_other_sources_turn(ticking: Ticking) -> None:
    rows = sources(ticking, SHARE + 5)
    for row in rows[:SHARE]:
        synced(ticking, row, state=State.WAITING, code="rate_limited", wait_until=now() + timedelta(hours=5))
    for row in rows[SHARE:]:
        synced(ticking, row)
    assert set(swept_at(ticking, now())) == {row.key for row in rows[SHARE:]}


@pytest.mark.parametrize("why", ["paused", "never synced", "without a partition"])
def test_who_is_not_swept(ticking: Ticking, why: str) -> None:
    (row,) = sources(ticking, 1)
    if why != "never synced":
        synced(ticking, row)
    if why == "paused":
        catalog.set_paused(ticking.database, row.key, paused=True)
    if why == "without a partition":
        ticking.instance.delete_dynamic_partition(PARTITIONS, row.key)
    assert swept_at(ticking, now()) == []


def reported(ticking: Ticking, owner_dsn: str, row: SourceRow, moment: datetime) -> None:
    """A report on a source that was made at a moment."""
    with ticking.database.bulk(row.tenant_id) as connection:
        space = spaces.ensure(connection, row.tenant_id, SpaceProfile("test", "m", "1", 4, "float32", "none"))
        reports.save(
            connection,
            row.tenant_id,
            row.id,
            space.id,
            manifest="m",
            score=90.0,
            passed=True,
            measures={},
            gates=[],
            chart_data={},
            sample=np.zeros((1, 4), np.float32),
        )
    with psycopg.connect(owner_dsn) as owner:
        owner.execute("UPDATE quality_reports SET created_at = %s WHERE source_id = %s", (moment, row.id))


def test_a_report_is_due_a_week_after_the_last_in_the_sources_own_hour(ticking: Ticking, owner_dsn: str) -> None:
    (row,) = sources(ticking, 1)
    own = HOUR.replace(hour=row.id % 24, minute=37)
    reported(ticking, owner_dsn, row, own - timedelta(days=7, minutes=1))
    asked = {own + timedelta(hours=h): ticking.at("quality_reports", own + timedelta(hours=h)) for h in range(24)}
    assert [(moment, requests[0].partition_key) for moment, requests in asked.items() if requests] == [(own, row.key)]


def test_a_report_of_this_week_is_not_made_again(ticking: Ticking, owner_dsn: str) -> None:
    (row,) = sources(ticking, 1)
    own = HOUR.replace(hour=row.id % 24, minute=37)
    reported(ticking, owner_dsn, row, own - timedelta(days=6, hours=23))
    assert ticking.at("quality_reports", own) == []
    (request,) = ticking.at("quality_reports", own + timedelta(days=1))
    (again,) = ticking.at("quality_reports", own + timedelta(days=2))
    assert again.run_key == request.run_key, "once a week, also where a report cannot be made"
