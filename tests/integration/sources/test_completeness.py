"""A source that says `ok` is complete: what cursors cannot see is found by the sweep, and no lie is believed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from precedent.testing.loopback import Fault, Request, Response
from tests.integration.sources.live_fixtures import Call, listed, refreshed
from tests.servers.github import NOT_FOUND, GitHubServer
from tests.servers.github_repository import Repository
from tests.servers.gitlab import GitLabServer
from tests.servers.jira import JiraServer

ALWAYS = 100_000


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as server:
        yield server


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    """Twelve issues, of which the second has a comment, and a pull request with a review."""
    repository = server.repository
    for number in range(12):
        repository.add_issue(f"Furnace {number} overheats")
    repository.add_comment(2, "The thermocouple was loose.")
    repository.add_review(repository.add_issue("Add a thermostat", pull=True))
    return repository


@pytest.fixture
def source(precedent: Call, server: GitHubServer, repository: Repository) -> str:
    return added(precedent, "octo/demo", "--kind", "github", "--base-url", server.api)


def added(precedent: Call, *where: object) -> str:
    """A source of a new tenant that has not been refreshed."""
    tenant = f"t-{uuid4().hex[:8]}"
    precedent("tenant", "add", tenant)
    code, _, error = precedent("source", "add", f"{tenant}/demo", *where)
    assert code == 0, error
    return f"{tenant}/demo"


def read(precedent: Call, source: str, *options: str) -> dict[str, Any]:
    """Refresh what is raw alone; the metadata of the issues."""
    return dict(refreshed(precedent, source, "--select", "raw", *options)["layers"]["raw/issues"])


def held(precedent: Call, source: str) -> dict[str, int]:
    return dict(listed(precedent, source)["raw"])


def state(precedent: Call, source: str) -> tuple[str, str | None]:
    row = listed(precedent, source)
    return row["state"], row["reason"]


def is_list(asked: Request) -> bool:
    """True of GitHub's list of issues, and of what a probe asks it for."""
    return asked.path.endswith("/issues")


def is_read(asked: Request) -> bool:
    """True of GitHub's list of issues as the stream asks for it."""
    return is_list(asked) and asked.query.get("direction") == "asc"


def without(*numbers: int) -> Any:
    """A list that leaves issues out."""

    def told(true: Response) -> Response:
        items = orjson.loads(true.body())
        return Response([item for item in items if item["number"] not in numbers], true.status, true.headers)

    return told


def empty(true: Response) -> Response:
    """No items of a list, and no single item either."""
    whole = isinstance(orjson.loads(true.body() or b"null"), list)
    return replace(true, data=[], headers={}) if whole else NOT_FOUND


def lie(server: GitHubServer) -> None:
    """Answer every list with nothing, and every single item with 404; the repository is there, without commits."""
    server.fail("lie", times=ALWAYS, told=empty, only=lambda asked: not asked.path.endswith(("octo/demo", "commits")))


def age(owner_dsn: str, source: str) -> None:
    """Let a day pass since everything was last looked at."""
    with psycopg.connect(owner_dsn) as connection:
        connection.execute(
            "UPDATE sync_state s SET swept_at = swept_at - interval '25 hours' FROM integrations i JOIN tenants t "
            "ON t.id = i.tenant_id WHERE i.id = s.source_id AND t.name = %s",
            (source.partition("/")[0],),
        )


def test_a_sweep_fetches_what_the_server_had_left_out(precedent: Call, source: str, server: GitHubServer) -> None:
    server.fail("lie", times=ALWAYS, told=without(2, 13), only=is_list)
    read(precedent, source)
    assert (held(precedent, source)["issues"], held(precedent, source)["pull_requests"]) == (11, 0)
    server.faults.clear()
    assert read(precedent, source)["rows/added"] == 0
    assert read(precedent, source, "--sweep")["rows/added"] == 1
    assert held(precedent, source) | {"issues": 12, "pull_requests": 1, "comments": 2} == held(precedent, source)


def test_a_sweep_finds_an_item_that_appears_with_an_old_date(
    precedent: Call, source: str, repository: Repository
) -> None:
    read(precedent, source)
    late = repository.add_issue("Moved here from elsewhere")
    repository.issues[late]["updated_at"] = repository.issues[1]["updated_at"]
    read(precedent, source)
    assert held(precedent, source)["issues"] == 12
    read(precedent, source, "--sweep")
    assert held(precedent, source)["issues"] == 13


def test_a_sweep_finds_a_label_that_changed_without_a_date(
    precedent: Call, source: str, repository: Repository
) -> None:
    read(precedent, source)
    repository.issues[3]["labels"] = [{"name": "regression"}]
    assert read(precedent, source)["rows/changed"] == 0
    assert read(precedent, source, "--sweep")["rows/changed"] == 1
    assert read(precedent, source, "--sweep")["rows/changed"] == 0


def test_a_sweep_brings_back_what_a_sweep_before_buried(precedent: Call, source: str, server: GitHubServer) -> None:
    read(precedent, source)
    before = held(precedent, source)
    server.fail("lie", times=ALWAYS, told=without(2, 3), only=is_list)
    gone = Response({"message": "Not Found"}, 404)
    server.fail("status", times=ALWAYS, response=gone, only=lambda asked: asked.path.endswith(("issues/2", "issues/3")))
    assert read(precedent, source, "--sweep")["rows/deleted"] == 2
    assert held(precedent, source)["issues"] == 10
    server.faults.clear()
    read(precedent, source, "--sweep")
    assert held(precedent, source) == before


def test_a_sudden_loss_of_most_items_is_not_believed_until_it_is_confirmed(
    precedent: Call, source: str, server: GitHubServer
) -> None:
    read(precedent, source)
    before = held(precedent, source)
    lie(server)
    outcome = refreshed(precedent, source, "--select", "raw", "--sweep")
    assert held(precedent, source) == before
    found, reason = state(precedent, source)
    assert found == "needs attention"
    assert reason
    assert "13 of 13 items of issues" in reason
    assert "--confirm-loss" in reason
    layer = outcome["layers"]["raw/issues"]
    assert (layer["source/state"], layer["source/reason"]) == ("needs_attention", reason)
    assert outcome["checks"]["raw/issues:source_readable"] is False
    # Until the server is itself again every sync compares, and the source is not `ok` in between.
    refusal = Response({"message": "No."}, 403)
    server.faults.insert(0, Fault("status", only=is_read, response=refusal))
    for option in ((), ("--full",), ()):
        read(precedent, source, *option)
        assert state(precedent, source)[0] == "needs attention"
    assert state(precedent, source)[1] == reason
    assert held(precedent, source) == before
    read(precedent, source, "--confirm-loss")
    assert state(precedent, source)[0] != "needs attention"
    assert held(precedent, source)["issues"] == 0


def test_a_server_that_is_itself_again_ends_the_question(precedent: Call, source: str, server: GitHubServer) -> None:
    read(precedent, source)
    before = held(precedent, source)
    lie(server)
    read(precedent, source, "--sweep")
    server.faults.clear()
    read(precedent, source)
    assert state(precedent, source)[0] != "needs attention"
    assert held(precedent, source) == before


def test_an_item_of_the_far_future_hides_no_later_one(precedent: Call, source: str, repository: Repository) -> None:
    repository.issues[5]["updated_at"] = "2099-01-01T00:00:00Z"
    read(precedent, source)
    repository.add_issue("Later")
    repository.change_issue(1, title="Changed")
    layer = read(precedent, source)
    assert (layer["rows/added"], layer["rows/changed"]) == (1, 1)
    # Its own next change, which is dated as it should be, counts as the newer one.
    repository.change_issue(5, title="Mended")
    assert read(precedent, source)["rows/changed"] == 1


def test_a_validator_that_never_changes_hides_nothing_for_more_than_a_day(
    precedent: Call, source: str, server: GitHubServer, repository: Repository, owner_dsn: str
) -> None:
    read(precedent, source)
    server.fail(
        "status", times=ALWAYS, response=Response(None, 304), only=lambda asked: "if-none-match" in asked.headers
    )
    repository.add_issue("Hidden by a cache")
    assert read(precedent, source)["rows/added"] == 0
    age(owner_dsn, source)
    assert read(precedent, source)["rows/added"] == 1


def test_an_unasked_304_is_a_fault_of_its_stream(precedent: Call, source: str, server: GitHubServer) -> None:
    def comments(asked: Request) -> bool:
        return asked.path.endswith("issues/comments") and asked.query.get("direction") == "asc"

    server.fail("status", times=ALWAYS, response=Response(None, 304), only=comments)
    read(precedent, source)
    found, reason = state(precedent, source)
    assert found == "needs attention"
    assert "304" in str(reason)
    assert (held(precedent, source)["issues"], held(precedent, source)["comments"]) == (12, 1)


def test_a_repository_that_took_over_the_name_replaces_nothing(
    precedent: Call, source: str, server: GitHubServer, repository: Repository
) -> None:
    read(precedent, source)
    before = held(precedent, source)
    del server.repositories[repository.number]
    other = server.add_repository("octo/demo")
    other.number = 99_000
    for number in range(12):
        other.add_issue(f"Buy pills {number}")
    for options in ((), ("--full",), ("--sweep",), ("--confirm-loss",)):
        layer = read(precedent, source, *options)
        assert (layer["rows/added"], layer["rows/changed"], layer["rows/deleted"]) == (0, 0, 0)
        found, reason = state(precedent, source)
        assert found == "needs attention"
        assert "77000 and is 99000 now" in str(reason)
    assert held(precedent, source) == before


def test_a_live_record_that_is_too_long_is_rejected(
    precedent: Call, source: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECEDENT_MAX_BODY_BYTES", "20000")
    repository.change_issue(4, body="x" * 30_000)
    layer = read(precedent, source)
    assert (layer["rows/added"], layer["rows/rejected"]) == (11, 1)
    assert listed(precedent, source)["rejected"] == 1


def test_a_sweep_of_gitlab_brings_an_issue_with_its_notes(precedent: Call) -> None:
    with GitLabServer() as server:
        for _ in range(3):
            server.add_issue()
        server.add_note("issues", 2)
        source = added(precedent, "acme/shop", "--kind", "gitlab", "--base-url", server.base_url)
        hidden = {2: server.issues.pop(2)}
        read(precedent, source)
        server.issues |= hidden
        read(precedent, source)
        assert (held(precedent, source)["issues"], held(precedent, source)["comments"]) == (3, 1)
        server.issues[1]["labels"] = ["regression"]
        assert read(precedent, source, "--sweep")["rows/changed"] == 1


def test_a_sweep_of_jira_brings_an_issue_and_a_change_that_its_index_had_not_shown(precedent: Call) -> None:
    with JiraServer() as server:
        for number in range(4):
            server.now += timedelta(hours=5)
            server.add_issue(summary=f"Printer {number} is on fire")
        late = server.now
        source = added(precedent, server.base_url, "--kind", "jira", "--project", "PRO")
        hidden = server.issues.pop("PRO-2")
        server.now += timedelta(hours=5)
        server.add_issue(summary="The newest")
        read(precedent, source)
        server.load(hidden.record | {"fields": hidden.fields})
        server.change_issue("PRO-4", summary="Changed", at=late + timedelta(seconds=30))
        layer = read(precedent, source)
        assert (layer["rows/added"], layer["rows/changed"]) == (0, 0)
        layer = read(precedent, source, "--sweep")
        assert (layer["rows/added"], layer["rows/changed"]) == (1, 1)
        assert read(precedent, source, "--sweep")["source/unchanged"] is True
