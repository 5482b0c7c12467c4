"""Live sources through the commands: what a server says becomes rows, states and search results."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.sources import repository as catalog
from precedent.sources.sync import rejections
from precedent.sources.sync import state as sync_state
from precedent.testing.loopback import Request, Response
from tests.integration.sources.live_fixtures import Call, found, listed, refreshed
from tests.servers.jira import JiraServer
from tests.servers.statuspage import StatuspageServer


@pytest.fixture
def tenant(precedent: Call) -> str:
    name = f"t-{uuid4().hex[:8]}"
    assert precedent("tenant", "add", name)[0] == 0
    return name


@pytest.fixture
def jira() -> Iterator[JiraServer]:
    with JiraServer() as server:
        yield server


@pytest.fixture
def issues(precedent: Call, tenant: str, jira: JiraServer) -> str:
    """A source of five issues that has been refreshed once."""
    for number in range(5):
        jira.add_issue(summary=f"Printer {number} is on fire", description="Smoke comes out of the paper tray.")
    key = f"{tenant}/issues"
    code, _, error = precedent("source", "add", key, jira.url, "--kind", "jira", "--project", "PRO")
    assert code == 0, error
    refreshed(precedent, key)
    return key


def test_a_live_source_is_loaded_and_found(precedent: Call, issues: str) -> None:
    row = listed(precedent, issues)
    assert (row["state"], row["raw"]["issues"], row["embedded"]) == ("ok", 5, row["chunks"])
    assert "PRO-3" in found(precedent, issues, "printer fire")


@pytest.mark.parametrize("others", [0, 300])
def test_three_changed_issues_cost_so_many_requests_however_many_there_are(
    precedent: Call, issues: str, jira: JiraServer, others: int
) -> None:
    for number in range(others):
        jira.now += timedelta(minutes=5)
        jira.add_issue(summary=f"Unrelated matter {number}")
    refreshed(precedent, issues)
    for number in range(1, 4):
        jira.change_issue(f"PRO-{number}", summary=f"The scanner eats paper of size {number}")
    asked = len(jira.requests)
    layers = refreshed(precedent, issues)["layers"]
    assert layers["raw/issues"]["rows/changed"] == 3
    assert layers["text/documents"]["rows/changed"] == 3
    assert layers["vectors/embeddings"]["rows/added"] == 3
    # The newest change, the project's id, the user's time zone, and one page for all three.
    assert len(jira.requests) - asked == 4
    assert sorted(found(precedent, issues, "scanner")) == ["PRO-1", "PRO-2", "PRO-3"]


def test_an_unchanged_source_changes_nothing(precedent: Call, issues: str) -> None:
    layers = refreshed(precedent, issues)["layers"]
    assert layers["raw/issues"]["source/unchanged"] is True
    assert sum(layer.get("rows/added", 0) + layer.get("rows/changed", 0) for layer in layers.values()) == 0


def test_a_sweep_takes_what_was_deleted_out_of_search(precedent: Call, issues: str, jira: JiraServer) -> None:
    jira.delete_issue("PRO-4")
    assert refreshed(precedent, issues)["layers"]["raw/issues"]["rows/deleted"] == 0
    assert refreshed(precedent, issues, "--sweep")["layers"]["raw/issues"]["rows/deleted"] == 1
    assert "PRO-4" not in found(precedent, issues, "printer fire")


def test_an_item_that_reappears_is_found_again(precedent: Call, issues: str, jira: JiraServer, owner_dsn: str) -> None:
    with psycopg.connect(owner_dsn) as connection:
        connection.execute("UPDATE raw_items SET deleted_at = now() WHERE external_id = 'PRO-1'")
    jira.change_issue("PRO-1", summary="Printer 1 burns again")
    refreshed(precedent, issues)
    assert "PRO-1" in found(precedent, issues, "burns")


@pytest.mark.parametrize(
    ("status", "headers", "state", "code"),
    [
        (401, {}, "needs attention", "unauthorized"),
        (403, {}, "needs attention", "forbidden"),
        (404, {}, "needs attention", "not_found"),
        (429, {"Retry-After": "3600"}, "waiting", "rate_limited"),
    ],
)
def test_a_refusal_is_a_state_and_what_was_fetched_is_kept(
    precedent: Call, issues: str, jira: JiraServer, status: int, headers: dict[str, str], state: str, code: str
) -> None:
    refusal = Response({"errorMessages": ["No."]}, status, headers)
    jira.fail("status", times=1_000, response=refusal, only=lambda asked: "search" in asked.path)
    outcome = refreshed(precedent, issues)
    row = listed(precedent, issues)
    assert (row["state"], row["raw"]["issues"]) == (state, 5)
    assert row["reason"]
    assert row["wait_until"]
    layer = outcome["layers"]["raw/issues"]
    assert (layer["source/state"], layer["source/reason"]) == (state.replace(" ", "_"), row["reason"])
    assert outcome["checks"]["raw/issues:source_readable"] is False
    jira.faults.clear()
    assert refreshed(precedent, issues)["checks"]["raw/issues:source_readable"] is True
    assert listed(precedent, issues)["state"] == "ok"


@pytest.mark.parametrize("kind", ["live", "files"])
def test_two_syncs_of_one_source_at_once_are_impossible_and_the_second_says_so(
    precedent: Call, issues: str, archive: Path, database: Database, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(sync_state, "LONGEST_WAIT_MS", 300)
    if kind == "files":
        issues = f"{issues.partition('/')[0]}/files"
        assert precedent("source", "add", issues, archive)[0] == 0
    source = catalog.get(database, issues)
    with database.bulk(source.tenant_id) as connection:
        sync_state.lock(connection, source.id)
        code, _, error = precedent("refresh", issues)
    assert code == 1
    assert "Another sync of this source is under way" in error
    assert refreshed(precedent, issues)["success"]


def test_a_token_comes_from_a_file_and_is_never_shown(
    precedent: Call, tenant: str, tmp_path: Path, owner_dsn: str
) -> None:
    secret = f"secret-{uuid4().hex}"
    with JiraServer(authorization=f"Bearer {secret}") as server:
        server.add_issue(summary="Behind a door")
        file = tmp_path / "token"
        file.write_text(secret)
        where = ("source", "add", f"{tenant}/closed", server.url, "--kind", "jira", "--project", "PRO")
        code, _, error = precedent(*where)
        assert code == 1
        assert "401" in error
        code, out, error = precedent(*where, "--key-file", file)
        assert code == 0, error
        shown = out + error + precedent("source", "list", "--json")[1]
    assert secret not in shown
    with psycopg.connect(owner_dsn) as connection:
        (stored,) = connection.execute("SELECT credentials FROM integrations WHERE name = 'closed'").fetchone() or ("",)
    assert stored.startswith("v1:")
    assert secret not in stored


def test_a_paused_source_says_so_and_is_resumed(precedent: Call, issues: str) -> None:
    assert precedent("source", "pause", issues)[0] == 0
    assert listed(precedent, issues)["state"] == "paused"
    assert precedent("source", "resume", issues)[0] == 0
    assert listed(precedent, issues)["state"] == "ok"


def test_a_status_page_becomes_incidents(precedent: Call, tenant: str) -> None:
    incident = {
        "id": "abc",
        "name": "API is slow",
        "status": "resolved",
        "impact": "minor",
        "created_at": "2026-01-02T08:00:00Z",
        "updated_at": "2026-01-02T09:00:00Z",
        "incident_updates": [{"id": "u1", "status": "resolved", "body": "A database was restarted."}],
    }
    with StatuspageServer([incident]) as server:
        code, _, error = precedent("source", "add", f"{tenant}/status", server.url, "--kind", "statuspage")
        assert code == 0, error
        layers = refreshed(precedent, f"{tenant}/status")["layers"]
    assert layers["raw/incidents"]["rows/added"] == 1
    assert layers["incidents/recommendations"]["rows/added"] == 1


def test_options_of_another_kind_are_refused(precedent: Call, tenant: str) -> None:
    code, _, error = precedent("source", "add", f"{tenant}/x", "acme/web", "--kind", "github", "--jql", "a = b")
    assert code == 2
    assert "--jql belongs to sources of kind jira" in error


def test_a_source_that_is_removed_during_a_refresh_is_one_sentence(
    precedent: Call, issues: str, jira: JiraServer, database: Database
) -> None:
    jira.add_issue(summary="Too late")

    def remove(asked: Request) -> None:
        if asked.query.get("fields") == "*all":
            jira.before = lambda _: None
            catalog.delete(database, issues)

    jira.before = remove
    code, _, error = precedent("refresh", issues, "--json")
    assert code == 1
    assert "The source was removed while it was worked on" in error
    assert "Traceback" not in error
    assert "violates" not in error


def test_what_a_later_layer_writes_of_a_source_that_is_gone_is_one_sentence(database: Database, issues: str) -> None:
    source = catalog.delete(database, issues)
    with (
        pytest.raises(NotFoundError, match="was removed while it was worked on"),
        database.bulk(source.tenant_id) as connection,
    ):
        rejections.replace_no_text(connection, source.tenant_id, source.id, [("issue", "PRO-1", ValueError())])
