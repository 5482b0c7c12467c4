"""Sensors of sources against servers on loopback: what changed is synced, once, and nobody else is bothered."""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.testing.loopback import Response
from tests.integration.automation.sensor_fixtures import PARTITIONS, Ticking
from tests.integration.conftest import issue, write_lines
from tests.servers.git import GitServer
from tests.servers.jira import JiraServer

pytest_plugins = ["tests.integration.automation.sensor_fixtures"]


@pytest.fixture
def jira() -> Iterator[JiraServer]:
    with JiraServer() as server:
        server.add_issue(summary="Printer 1 is on fire")
        yield server


def of(server: JiraServer) -> dict[str, object]:
    return {"url": server.url, "projects": ["PRO"]}


@pytest.fixture
def issues(ticking: Ticking, jira: JiraServer) -> SourceRow:
    """A source that has been synced and holds what its server holds."""
    row = ticking.add("issues", "jira", of(jira))
    ticking.sync(row)
    return row


def refuse(server: JiraServer, status: int, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.fail("status", times=1_000, response=Response({"errorMessages": ["No."]}, status, named))


def test_partitions_follow_the_table(ticking: Ticking, jira: JiraServer) -> None:
    def change() -> tuple[set[str], set[str]]:
        added, gone = set[str](), set[str]()
        for request in ticking.tick("source_partitions").dynamic_partitions_requests or ():
            keys = set(request.partition_keys)
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                ticking.instance.add_dynamic_partitions(PARTITIONS, sorted(keys))
                added |= keys
            else:
                for key in keys:
                    ticking.instance.delete_dynamic_partition(PARTITIONS, key)
                gone |= keys
        return {key for key in added if key.startswith(ticking.tenant)}, gone

    first, second = (catalog.add(ticking.database, ticking.tenant, name, "jira", of(jira)) for name in ("a", "b"))
    assert change() == ({first.key, second.key}, set())
    assert change() == (set(), set())
    catalog.set_paused(ticking.database, first.key, paused=True)
    assert change() == (set(), set())
    catalog.delete(ticking.database, second.key)
    assert change() == (set(), {second.key})


def test_a_paused_source_is_not_asked(ticking: Ticking, jira: JiraServer, issues: SourceRow) -> None:
    catalog.set_paused(ticking.database, issues.key, paused=True)
    asked = len(jira.requests)
    jira.add_issue(summary="Another")
    assert ticking.requested("jira_changes") == []
    assert len(jira.requests) == asked


def test_a_source_without_its_partition_waits_for_it(ticking: Ticking, jira: JiraServer) -> None:
    row = catalog.add(ticking.database, ticking.tenant, "early", "jira", of(jira))
    assert ticking.requested("jira_changes") == []
    ticking.instance.add_dynamic_partitions(PARTITIONS, [row.key])
    assert [request.partition_key for request in ticking.requested("jira_changes")] == [row.key]


def test_an_unchanged_source_costs_one_request_and_no_run(
    ticking: Ticking, jira: JiraServer, issues: SourceRow
) -> None:
    asked = len(jira.requests)
    data = ticking.tick("jira_changes")
    assert ticking.own(data.run_requests) == []
    assert "1 unchanged, 0 to sync" in (data.skip_message or "")
    assert len(jira.requests) - asked == 1


def test_a_changed_issue_requests_exactly_one_run(ticking: Ticking, jira: JiraServer, issues: SourceRow) -> None:
    jira.change_issue("PRO-1", summary="The scanner eats paper")
    (request,) = ticking.requested("jira_changes")
    assert request.partition_key == issues.key
    assert (request.tags["precedent/tenant"], request.tags["precedent/source"]) == (ticking.tenant, "issues")
    (again,) = ticking.requested("jira_changes")
    assert again.run_key == request.run_key
    ticking.queue("sync", request)
    asked = len(jira.requests)
    assert ticking.requested("jira_changes") == []
    assert len(jira.requests) == asked


def test_after_its_sync_a_source_is_unchanged(ticking: Ticking, jira: JiraServer, issues: SourceRow) -> None:
    jira.change_issue("PRO-1", summary="The scanner eats paper")
    assert len(ticking.requested("jira_changes")) == 1
    ticking.sync(issues)
    assert ticking.requested("jira_changes") == []


def test_a_server_that_is_as_it_was_before_gets_a_run_of_its_own_each_time(ticking: Ticking, tmp_path: Path) -> None:
    path = tmp_path / "issues.jsonl"
    row = ticking.add("files", "archive", {"path": str(path)}) if path.exists() else None
    keys = []
    for title in ("one", "another", "one"):
        write_lines(path, [issue(1, title, "The body.")])
        os.utime(path, ns=(len(title), len(title)))
        row = row or ticking.add("files", "archive", {"path": str(path)})
        (request,) = ticking.requested("archive_changes")
        keys.append(request.run_key)
        ticking.sync(row)
    assert len(set(keys)) == 3


def test_a_limit_at_the_look_is_a_state_and_no_run(ticking: Ticking, jira: JiraServer, issues: SourceRow) -> None:
    refuse(jira, 429, Retry_After="3600")
    assert ticking.requested("jira_changes") == []
    known = ticking.scheduled(issues)
    assert (known.state, known.failures) == ("waiting", 1)
    assert known.wait_until is not None
    assert 3_500 < (known.wait_until - datetime.now(UTC)).total_seconds() <= 3_600
    asked = len(jira.requests)
    assert ticking.requested("jira_changes") == []
    assert len(jira.requests) == asked


def test_a_refusal_requests_the_run_that_shows_it(ticking: Ticking, jira: JiraServer, issues: SourceRow) -> None:
    refuse(jira, 401)
    (request,) = ticking.requested("jira_changes")
    assert ":unauthorized:" in (request.run_key or "")
    ticking.sync(issues)
    assert ticking.scheduled(issues).state == "needs_attention"
    assert ticking.requested("jira_changes") == []


def test_a_new_key_is_tried_at_once(ticking: Ticking, jira: JiraServer, issues: SourceRow) -> None:
    jira.authorization = "Bearer right"
    ticking.sync(issues)
    assert ticking.requested("jira_changes") == []
    catalog.set_key(ticking.database, issues.key, {"api_key": "right"})
    (request,) = ticking.requested("jira_changes")
    assert ":edited:" in (request.run_key or "")
    ticking.sync(issues)
    assert ticking.scheduled(issues).state == "ok"
    assert ticking.requested("jira_changes") == []


def test_a_file_that_changed_is_read_again(ticking: Ticking, tmp_path: Path) -> None:
    path = tmp_path / "issues.jsonl"
    write_lines(path, [issue(1, "One", "The body.")])
    row = ticking.add("files", "archive", {"path": str(path)})
    ticking.sync(row)
    assert ticking.requested("archive_changes") == []
    write_lines(path, [issue(1, "One", "The body."), issue(2, "Two", "Another body.")])
    assert [request.partition_key for request in ticking.requested("archive_changes")] == [row.key]
    assert ticking.sync(row).counts.added.total() == 1
    assert ticking.requested("archive_changes") == []


def test_files_that_are_gone_are_asked_for_once_and_again_when_they_are_back(ticking: Ticking, tmp_path: Path) -> None:
    path, away = tmp_path / "issues.jsonl", tmp_path / "away"
    write_lines(path, [issue(1, "One", "The body.")])
    row = ticking.add("files", "archive", {"path": str(path)})
    ticking.sync(row)
    path.rename(away)
    assert len(ticking.requested("archive_changes")) == 1
    with pytest.raises(Exception, match="does not exist"):
        ticking.sync(row)
    assert ticking.requested("archive_changes") == []
    away.rename(path)
    assert len(ticking.requested("archive_changes")) == 1
    ticking.sync(row)
    assert (ticking.scheduled(row).state, ticking.requested("archive_changes")) == ("ok", [])


def test_a_new_commit_is_fetched(ticking: Ticking, tmp_path: Path) -> None:
    with GitServer(tmp_path / "repositories") as server:
        repository = server.repository()
        repository.grow(2)
        row = ticking.add("code", "git", {"url": repository.url})
        ticking.sync(row)
        assert ticking.requested("git_changes") == []
        repository.grow(1)
        assert [request.partition_key for request in ticking.requested("git_changes")] == [row.key]
        assert ticking.sync(row).counts.added.total() == 1
        assert ticking.requested("git_changes") == []


def test_no_secret_and_no_other_tenant_in_what_a_tick_says(
    ticking: Ticking, another: Ticking, jira: JiraServer, caplog: pytest.LogCaptureFixture
) -> None:
    jira.authorization = "Bearer s3cret-of-one"
    mine = ticking.add("mine", "jira", of(jira), api_key="s3cret-of-one")
    theirs = another.add("theirs", "jira", of(jira), api_key="s3cret-of-other")
    for row in (mine, theirs):
        ticking.sync(row)
    jira.change_issue("PRO-1", summary="Whose is this?")
    caplog.set_level(logging.DEBUG)
    data = ticking.tick("jira_changes")
    said = repr(data) + caplog.text
    assert ticking.own(data.run_requests), "there is something to be said"
    assert not [word for word in ("s3cret-of-one", "s3cret-of-other", "Whose is this?") if word in said]
    tags = [repr(request.tags) + str(request.run_key) for request in ticking.own(data.run_requests)]
    assert not [tag for tag in tags if another.tenant in tag or "theirs" in tag]
