"""Old events go, and nobody who asks about assets, checks, automation or runs can tell."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from dagster._core.definitions.asset_health.asset_check_health import AssetCheckHealthState
from dagster._core.definitions.asset_health.asset_materialization_health import AssetMaterializationHealthState
from dagster._core.definitions.observe import observe
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.event_log import SqlEventLogStorage

from orchestration.instance import dagster_instance
from orchestration.maintenance import events
from orchestration.maintenance.contract import Place, Trouble
from precedent.database.pruning import Amount, Order
from precedent.database.session import Database
from tests.integration.automation.dagster_homes import dagster_home

SOURCES = dg.DynamicPartitionsDefinition(name="source")
KEYS = ["t/good", "t/idle", "t/bad", "t/never"]
AC = dg.AutomationCondition
CONDITION = AC.missing() | AC.execution_failed() | AC.any_deps_updated().since_last_handled()


@dg.asset(partitions_def=SOURCES)
def records(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    context.log.info("a line for people")
    return dg.MaterializeResult(data_version=dg.DataVersion(context.run.run_id), metadata={"rows": 7})


@dg.asset(partitions_def=SOURCES, deps=[records], automation_condition=CONDITION)
def vectors(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    if context.partition_key == "t/bad":
        raise ValueError("no vector")
    return dg.MaterializeResult()


@dg.asset(automation_condition=CONDITION)
def page() -> int:
    return 1


@dg.asset_check(asset=page)
def page_is_whole(context: dg.AssetCheckExecutionContext, page: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=page > 1, metadata={"found": page})


@dg.multi_observable_source_asset(specs=[dg.AssetSpec("outside")])
def outside() -> Iterator[dg.ObserveResult]:
    yield dg.ObserveResult(asset_key="outside", data_version=dg.DataVersion("7"))


ASSETS = [records, vectors, page]
CHECK = dg.AssetCheckKey(dg.AssetKey("page"), "page_is_whole")
DEFINITIONS = dg.Definitions(assets=[*ASSETS, outside], asset_checks=[page_is_whole])


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    """An instance in which runs have succeeded, failed, and one is under way, all of them forty days ago."""
    with (
        dagster_home(database, tmp_path) as (settings, endpoints),
        dagster_instance(settings, endpoints) as instance,
    ):
        instance.add_dynamic_partitions("source", KEYS)
        for key in KEYS[:3]:
            dg.materialize([records, vectors], instance=instance, partition_key=key, raise_on_error=False)
        dg.materialize([page, page_is_whole], instance=instance)
        observe([outside], instance=instance)
        yield Place(instance, database, tmp_path)


def aged(place: Place, days: int = 40) -> None:
    with connection(place) as held:
        held.execute("UPDATE event_logs SET timestamp = timestamp - make_interval(days => %s)", (days,))


def connection(place: Place) -> "psycopg.Connection[Any]":
    storage = place.instance.event_log_storage
    return psycopg.connect(storage.postgres_url.replace("+psycopg2", ""))  # type: ignore[attr-defined]


def kinds(place: Place) -> Counter[str | None]:
    with connection(place) as held:
        found = held.execute("SELECT dagster_event_type, count(*) FROM event_logs GROUP BY 1").fetchall()
    return Counter(dict(found))


def pruned(place: Place, *, dry_run: bool = False) -> int:
    total = 0
    for step in events.prune(place, Order(datetime.now(UTC) - timedelta(days=30), dry_run)):
        assert not isinstance(step, Trouble)
        total += step.count
    return total


def seen(place: Place, cursor: Any) -> dict[str, Any]:
    """What Dagster answers about assets, checks, automation and runs, reckoned from the events anew."""
    instance, storage = place.instance, place.instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    asked = dg.evaluate_automation_conditions(DEFINITIONS, instance, cursor=cursor)
    answers: dict[str, Any] = {"requested": {}, "status": {}, "health": {}}
    for asset in [*ASSETS, outside]:
        key = asset.key
        storage.wipe_asset_cached_status(key)
        definition = asset.partitions_def
        context = LoadingContextForTest(instance)
        answers["requested"][key] = asked.get_requested_partitions(key)
        answers["status"][key] = definition and instance.get_status_by_partition(key, KEYS, definition)
        answers["health"][key] = asyncio.run(
            AssetMaterializationHealthState.compute_for_asset(key, definition, context)
        )
    partitioned = [records.key, vectors.key]
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    answers |= {
        "materialized": [storage.get_materialized_partitions(key) for key in partitioned],
        "storage ids": [storage.get_latest_storage_id_by_partition(key, kind) for key in partitioned],
        "tags": [storage.get_latest_tags_by_partition(key, kind, ["dagster/data_version"]) for key in partitioned],
        "latest": instance.get_latest_materialization_events([asset.key for asset in ASSETS]),
        "observations": instance.fetch_observations(dg.AssetKey("outside"), limit=10).records,
        "check": storage.get_latest_asset_check_execution_by_key([CHECK]),
        "check health": asyncio.run(
            AssetCheckHealthState.compute_for_asset_checks({CHECK}, LoadingContextForTest(instance))
        ),
        "runs": [(run.run_id, run.status, run.tags) for run in instance.get_runs()],
        "failures": instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=10).records,
        "successes": instance.fetch_run_status_changes(dg.DagsterEventType.RUN_SUCCESS, limit=10).records,
    }
    return answers


def test_assets_checks_automation_health_and_runs_look_the_same_before_and_after(place: Place) -> None:
    cursor = dg.evaluate_automation_conditions(DEFINITIONS, place.instance).cursor
    dg.materialize([records], instance=place.instance, partition_key="t/good")
    aged(place)
    before = seen(place, cursor)
    assert before["requested"][vectors.key] == {"t/good", "t/bad", "t/never"}
    assert {str(status) for status in before["status"][vectors.key].values()} == {
        "AssetPartitionStatus.MATERIALIZED",
        "AssetPartitionStatus.FAILED",
        "None",
    }
    assert pruned(place) > 50
    after = seen(place, cursor)
    for name, answer in before.items():
        assert after[name] == answer, name


def test_only_steps_engine_events_and_log_lines_go(place: Place) -> None:
    aged(place)
    before = kinds(place)
    pruned(place)
    after = kinds(place)
    gone = before - after
    assert set(gone) == {
        None,
        "STEP_OUTPUT",
        "STEP_INPUT",
        "STEP_START",
        "STEP_SUCCESS",
        "HANDLED_OUTPUT",
        "LOADED_INPUT",
        "ENGINE_EVENT",
        "RESOURCE_INIT_STARTED",
        "RESOURCE_INIT_SUCCESS",
        "LOGS_CAPTURED",
    } & set(before)
    assert not set(gone) & set(after)
    assert set(after) >= {
        "ASSET_MATERIALIZATION",
        "ASSET_MATERIALIZATION_PLANNED",
        "ASSET_OBSERVATION",
        "ASSET_CHECK_EVALUATION",
        "ASSET_CHECK_EVALUATION_PLANNED",
        "PIPELINE_SUCCESS",
        "PIPELINE_FAILURE",
        "STEP_FAILURE",
    }


def test_a_dry_run_counts_exactly_and_removes_nothing(place: Place) -> None:
    aged(place)
    before = kinds(place)
    counted = pruned(place, dry_run=True)
    assert kinds(place) == before
    assert counted == pruned(place) == (before - kinds(place)).total()


def test_young_events_stay(place: Place) -> None:
    aged(place, days=29)
    assert pruned(place) == 0


def test_a_run_that_is_still_under_way_keeps_its_events(place: Place) -> None:
    aged(place)
    with connection(place) as held:
        held.execute("UPDATE runs SET status = 'STARTED'")
    assert pruned(place) == 0


def test_many_batches_remove_what_one_would(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    aged(place)
    counted = pruned(place, dry_run=True)
    monkeypatch.setattr(events, "BATCH", 3)
    batches = list(events.prune(place, Order(datetime.now(UTC) - timedelta(days=30))))
    assert [step.count for step in batches if isinstance(step, Amount)][:-1] == [3] * (len(batches) - 1)
    assert sum(step.count for step in batches if isinstance(step, Amount)) == counted
    assert pruned(place) == 0
