"""Backfills: runs of the queue behind live work, and only what failed where that is asked for."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration

from orchestration import backfill as backfilling
from orchestration.dagster_internals import PRIORITY_TAG
from orchestration.instance import dagster_instance, sync_partitions
from orchestration.refresh_run import RefreshOptions
from orchestration.run_queue import CLASS, PARTITION, RunClass, priority
from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.tenants import tenants as tenancy
from tests.integration.automation.dagster_homes import dagster_home

Call = Callable[..., tuple[int, str, str]]
SOURCES = 50
LINE = {"number": 1, "title": "A title", "created_at": "2025-05-01T00:00:00Z", "updated_at": "2025-05-01T00:00:00Z"}


@pytest.fixture
def daemon(database: Database, tmp_path: Path, platform_home: Path) -> Iterator[WorkspaceProcessContext]:
    """An instance of its own, with the code location that a daemon would talk to."""
    with (
        dagster_home(database, tmp_path / "home") as (settings, endpoints),
        dagster_instance(settings, endpoints) as instance,
    ):
        target = ModuleTarget("orchestration.definitions", None, None, location_name="precedent")
        with create_test_daemon_workspace_context(target, instance) as context:
            entries = context.create_request_context().get_code_location_entries().values()
            assert [entry.load_error for entry in entries] == [None]
            yield context


def sources(database: Database, folder: Path, number: int) -> list[str]:
    tenant = tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].name
    file = folder / "issues.jsonl"
    file.write_text(json.dumps(LINE) + "\n")
    return [catalog.add(database, tenant, f"s{n:02}", "archive", {"path": str(file)}).key for n in range(number)]


def test_a_backfill_over_fifty_sources_is_fifty_runs_behind_a_live_one(
    database: Database, daemon: WorkspaceProcessContext, tmp_path: Path
) -> None:
    keys = sources(database, tmp_path, SOURCES)
    instance = daemon.instance
    sync_partitions(instance, database)
    options = RefreshOptions(created_after="2025-01-01", full=True)
    assets = options.keys()
    asked = backfilling.request(
        instance, assets, keys, only_failed=False, run_config=options.run_config(assets), title="Fifty"
    )
    assert asked is not None
    assert asked.runs == SOURCES
    for _ in range(10):
        errors = [error for error in execute_backfill_iteration(daemon, logging.getLogger("backfill")) if error]
        assert not errors
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": asked.backfill_id}))
        if len(runs) == SOURCES:
            break
    assert sorted(run.tags[PARTITION] for run in runs) == sorted(keys)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.QUEUED}
    assert {run.tags[CLASS] for run in runs} == {RunClass.BULK.value}
    raw = runs[0].run_config["ops"]["raw_records"]["config"]
    assert (raw["created_after"], raw["full_refresh"]) == ("2025-01-01", True)
    assert max(int(run.tags[PRIORITY_TAG]) for run in runs) < priority(RunClass.LIVE, 1_000_000)


@pytest.fixture
def broken(precedent: Call, tmp_path: Path) -> dict[str, Any]:
    """Two refreshed sources, of which one lost its files before its second refresh."""
    tenant = f"t-{uuid4().hex[:8]}"
    precedent("tenant", "add", tenant)
    for name in ("sound", "broken"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "issues.jsonl").write_text(json.dumps(LINE | {"body": f"Words of {name}."}) + "\n")
        assert precedent("source", "add", f"{tenant}/{name}", folder)[0] == 0
        assert precedent("refresh", f"{tenant}/{name}")[0] == 0
    (tmp_path / "broken" / "issues.jsonl").unlink()
    (tmp_path / "broken").rmdir()
    assert precedent("refresh", f"{tenant}/broken")[0] == 1
    return {"tenant": tenant, "folder": tmp_path / "broken"}


def test_only_what_failed_is_asked_for_again(precedent: Call, broken: dict[str, Any]) -> None:
    code, out, error = precedent("backfill", "--tenant", broken["tenant"], "--failed", "--json")
    assert code == 0, error
    asked = json.loads(out)
    assert asked["partitions"] == [f"{broken['tenant']}/broken"]
    assert "raw/issues" in asked["assets"]


def test_nothing_is_asked_for_where_nothing_failed(precedent: Call, broken: dict[str, Any]) -> None:
    code, out, error = precedent("backfill", f"{broken['tenant']}/sound", "--failed")
    assert code == 0, error
    assert "nothing failed" in out


def test_a_backfill_needs_to_know_of_what(precedent: Call) -> None:
    code, _, error = precedent("backfill")
    assert code == 2
    assert "--all" in error
