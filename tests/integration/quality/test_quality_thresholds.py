"""Thresholds of a tenant and of its sources decide about reports that are already made, and stay the tenant's own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from orchestration.cli import run
from precedent.database.session import Database
from precedent.quality import repository as reports
from precedent.sources import repository as catalog
from tests.integration.conftest import TOPICS, issue, write_lines

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def refreshed(platform_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A source with a report, one for all tests."""
    folder = tmp_path_factory.mktemp("thresholds")
    write_lines(folder / "issues.jsonl", [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)])
    key = f"th-{uuid4().hex[:8]}/records"
    assert run(["tenant", "add", key.split("/")[0]]) == 0
    assert run(["source", "add", key, str(folder)]) == 0
    assert run(["refresh", key, "--json"]) == 0
    return key


@pytest.fixture
def source(precedent: Call, refreshed: str) -> Iterator[str]:
    """That source; whatever a test sets is taken back."""
    yield refreshed
    assert precedent("thresholds", "clear", "--source", refreshed)[0] == 0
    assert precedent("thresholds", "clear", "--tenant", refreshed.split("/")[0])[0] == 0


@pytest.fixture
def owner(source: str) -> str:
    """Its tenant."""
    return source.split("/")[0]


def shown(precedent: Call, *options: str) -> dict[str, dict[str, Any]]:
    code, out, error = precedent("thresholds", "show", *options, "--json")
    assert code == 0, error
    return {row["name"]: row for row in json.loads(out)}


def test_a_source_overrides_its_tenant_which_overrides_the_defaults(precedent: Call, owner: str, source: str) -> None:
    assert precedent("thresholds", "set", "coverage=0.9", "tokens_cut=0.1", "--tenant", owner)[0] == 0
    assert precedent("thresholds", "set", "coverage=0.8", "--tenant", owner, "--source", "records")[0] == 0
    found = shown(precedent, "--source", source)
    assert (found["coverage"]["value"], found["coverage"]["set_by"]) == (0.8, "source")
    assert (found["tokens_cut"]["value"], found["tokens_cut"]["set_by"]) == (0.1, "tenant")
    assert (found["duplicate_rate"]["value"], found["duplicate_rate"]["set_by"]) == (0.02, "default")
    assert shown(precedent, "--tenant", owner)["coverage"]["value"] == 0.9
    assert precedent("thresholds", "clear", "coverage", "--source", source)[0] == 0
    assert shown(precedent, "--source", source)["coverage"]["value"] == 0.9
    assert precedent("thresholds", "clear", "--tenant", owner)[0] == 0
    assert {row["set_by"] for row in shown(precedent, "--source", source).values()} == {"default"}


def test_setting_one_leaves_the_others(precedent: Call, tenant: str) -> None:
    precedent("thresholds", "set", "coverage=0.9", "--tenant", tenant)
    precedent("thresholds", "set", "tokens_cut=0.1", "--tenant", tenant)
    found = shown(precedent, "--tenant", tenant)
    assert (found["coverage"]["value"], found["tokens_cut"]["value"]) == (0.9, 0.1)


def test_a_report_is_judged_anew_without_being_measured_anew(precedent: Call, database: Database, source: str) -> None:
    row = catalog.get(database, source)

    def latest() -> reports.Report:
        with database.bulk(row.tenant_id) as connection:
            found = reports.latest(connection, row.id)
        assert found is not None
        return found

    before = latest()
    assert before.passed
    with database.bulk(row.tenant_id) as connection:
        connection.execute(
            "UPDATE quality_reports SET measures = jsonb_set(measures, '{canary,mean_cosine}', '0.9995')"
        )
    code, out, error = precedent("thresholds", "set", "canary_mean=0.9999", "--source", source, "--json")
    assert code == 0, error
    (judged,) = json.loads(out)["judged_again"]
    assert (judged["source"], judged["passed"], judged["passed_before"]) == (source, False, True)
    assert judged["failed"] == ["canary_mean"]
    # What promotes a space reads the stored verdict.
    assert (latest().id, latest().passed, latest().score) == (before.id, False, 0)
    code, _, error = precedent("refresh", source, "--select", "reports", "--json")
    assert code == 1
    assert "canary_mean" in error
    assert (latest().id, bool(latest().figures)) == (before.id, True)
    assert precedent("thresholds", "clear", "--source", source)[0] == 0
    code, out, _ = precedent("refresh", source, "--select", "reports", "--json")
    assert code == 0
    layer = json.loads(out)["layers"]["reports/vector_quality"]
    assert (layer["quality/made_anew"], layer["quality/passed"]) == (False, True)


def test_a_tenant_sees_and_changes_only_its_own(precedent: Call, database: Database, owner: str, source: str) -> None:
    precedent("thresholds", "set", "coverage=0.5", "--tenant", owner)
    precedent("thresholds", "set", "coverage=0.4", "--source", source)
    other = f"{owner}-other"
    precedent("tenant", "add", other)
    assert shown(precedent, "--tenant", other)["coverage"]["value"] == 1.0
    with database.bulk(catalog.tenancy.get(database, other).id) as connection:
        assert connection.execute("SELECT count(*) FROM quality_thresholds").fetchone() == (0,)
        connection.execute("DELETE FROM quality_thresholds")
    precedent("thresholds", "clear", "--tenant", other)
    assert shown(precedent, "--source", source)["coverage"]["value"] == 0.4
    with database.session() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM quality_thresholds").scalar() == 0


def test_thresholds_go_with_their_source(precedent: Call, database: Database, tenant: str, archive: Path) -> None:
    key = f"{tenant}/records"
    assert precedent("source", "add", key, archive)[0] == 0
    assert precedent("thresholds", "set", "coverage=0.4", "--source", key)[0] == 0
    assert precedent("source", "remove", key)[0] == 0
    with database.bulk(catalog.tenancy.get(database, tenant).id) as connection:
        assert connection.execute("SELECT count(*) FROM quality_thresholds").fetchone() == (0,)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("speed=1", "no threshold 'speed'"),
        ("coverage", "write NAME=VALUE"),
        ("coverage=high", "'coverage' must be a number"),
        ("coverage=nan", "'coverage' must be a number"),
        ("coverage=inf", "'coverage' must be a number"),
        ("coverage=2", "'coverage' must be from 0 to 1"),
    ],
)
def test_a_wrong_threshold_is_refused_and_nothing_is_set(precedent: Call, tenant: str, setting: str, said: str) -> None:
    code, _, error = precedent("thresholds", "set", "tokens_cut=0.5", setting, "--tenant", tenant)
    assert code == 2
    assert said in error
    assert {row["set_by"] for row in shown(precedent, "--tenant", tenant).values()} == {"default"}


def test_an_unknown_source_or_name_is_refused(precedent: Call, tenant: str) -> None:
    assert precedent("thresholds", "set", "coverage=0.5", "--source", f"{tenant}/absent")[0] == 1
    assert precedent("thresholds", "clear", "speed", "--tenant", tenant)[0] == 2
