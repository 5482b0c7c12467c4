"""`precedent maintenance` and the job of that name: killed, refused, failing in part."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import typer

from orchestration.cli.operations.maintenance import maintenance as maintenance_command
from orchestration.instance import dagster_instance
from orchestration.maintenance.job import maintenance
from orchestration.maintenance.run import PARTS
from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.tenants import tenants as tenancy
from resources.database import DatabaseResource
from tests.integration.automation.aging import Owner, bare_tombstones, counts, deletion_trigger, documents, tombstone
from tests.integration.automation.dagster_homes import dagster_home


@pytest.fixture
def owner(owner_dsn: str) -> Iterator[Owner]:
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def tenant_id(database: Database, tenant: str) -> int:
    return tenancy.get(database, tenant).id


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "orchestration.cli", "maintenance", *arguments]


def test_a_kill_in_the_middle_loses_nothing_and_the_next_run_ends_the_same(
    maintain: Callable[..., str], database: Database, owner: Owner, tenant_id: int, platform_home: Path
) -> None:
    items = documents(database, owner, tenant_id)
    tombstone(owner, items[:1], days=10)
    kept = counts(owner, tenant_id)
    bare_tombstones(owner, database, tenant_id, 4_000)
    environment = {**os.environ, "PRECEDENT_HOME": str(platform_home)}
    started = command("--only", "tombstones")
    with deletion_trigger(owner, "PERFORM pg_sleep(0.3); RETURN NULL;"):
        with subprocess.Popen(started, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
            until = time.monotonic() + 120
            while counts(owner, tenant_id)["raw_items"] == kept["raw_items"] + 4_000 and time.monotonic() < until:
                time.sleep(0.02)
            killed.kill()
        left = counts(owner, tenant_id)["raw_items"] - kept["raw_items"]
        assert 0 < left < 4_000
        assert left % 1_000 == 0
    time.sleep(1)  # the server notices the lost connection and rolls its batch back
    assert json.loads(maintain("--only", "tombstones", "--json"))[0]["count"] == left
    assert counts(owner, tenant_id) == kept


@pytest.fixture
def maintain(platform_home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The command in this process; its standard output."""
    app = typer.Typer()
    app.command()(maintenance_command)

    def call(*arguments: str) -> str:
        capsys.readouterr()
        app(args=list(arguments), standalone_mode=False)
        return capsys.readouterr().out

    return call


def test_the_command_does_the_parts_it_is_told_with_the_ages_it_is_told(
    maintain: Callable[..., str], database: Database, owner: Owner, tenant_id: int
) -> None:
    tombstone(owner, documents(database, owner, tenant_id)[:1], days=20)
    asked = ("--only", "tombstones", "--json", "--days")
    [report] = json.loads(maintain(*asked, "tombstones=21"))
    assert (report["part"], report["days"], report["dry_run"]) == ("tombstones", 21, False)
    assert counts(owner, tenant_id)["raw_items"] == 4
    maintain(*asked, "tombstones=19", "--dry-run")
    assert counts(owner, tenant_id)["raw_items"] == 4
    maintain(*asked, "tombstones=19")
    assert counts(owner, tenant_id)["raw_items"] == 3


def test_the_command_lists_every_part(maintain: Callable[..., str]) -> None:
    assert {report["part"] for report in json.loads(maintain("--dry-run", "--json"))} == set(PARTS)


def test_the_command_fails_where_something_could_not_be_done(
    maintain: Callable[..., str], database: Database, owner: Owner, tenant_id: int, tenant: str
) -> None:
    bare_tombstones(owner, database, tenant_id, 1)
    with (
        deletion_trigger(owner, "RAISE EXCEPTION 'no'; RETURN NULL;"),
        pytest.raises(PrecedentError, match="could not be done"),
    ):
        maintain("--only", "tombstones")
    maintain("--only", "tombstones")
    assert counts(owner, tenant_id)["raw_items"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "everything"], "There is no part 'everything'"),
        (["--days", "events=0"], "says no number of days"),
        (["--days", "14"], "There is no part '14'"),
    ],
)
def test_a_wrong_call_says_what_is_right(maintain: Callable[..., str], arguments: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        maintain(*arguments)


@pytest.fixture
def instance(database: Database, tmp_path: Path, platform_home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster on PostgreSQL, with the session's database beside it."""
    with dagster_home(database, tmp_path) as (settings, endpoints), dagster_instance(settings, endpoints) as opened:
        os.environ["PRECEDENT_HOME"] = str(platform_home)
        yield opened


def ran(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    resources = {"database": DatabaseResource()}
    return maintenance.execute_in_process(instance=instance, resources=resources, raise_on_error=False)


def test_the_job_does_every_part_and_shows_the_counts(
    instance: dg.DagsterInstance, database: Database, owner: Owner, tenant_id: int
) -> None:
    bare_tombstones(owner, database, tenant_id, 5)
    result = ran(instance)
    assert result.success
    outputs = {event.step_key: event.step_output_data for event in result.all_events if event.is_successful_output}
    assert set(outputs) == {f"maintain_{part}" for part in PARTS}
    assert outputs["maintain_tombstones"].metadata["count"].value == 5
    assert counts(owner, tenant_id)["raw_items"] == 0


def test_a_part_that_could_not_be_done_fails_alone_and_says_why(
    instance: dg.DagsterInstance, database: Database, owner: Owner, tenant_id: int, tenant: str
) -> None:
    bare_tombstones(owner, database, tenant_id, 5)
    broken = f"IF OLD.tenant_id = {tenant_id} THEN RAISE EXCEPTION 'title: our secret'; END IF; RETURN OLD;"
    with deletion_trigger(owner, broken, each="ROW"):
        failures = [event for event in ran(instance).all_events if event.is_step_failure]
    [failure] = failures
    reason = failure.step_failure_data.user_failure_data
    assert failure.step_key == "maintain_tombstones"
    assert reason is not None
    assert reason.description is not None
    assert f"tenant {tenant} failed (RaiseException)" in reason.description
    assert "our secret" not in reason.description
    assert ran(instance).success
