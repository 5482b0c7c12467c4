"""A repository through the commands: renamed, moved, bounded, refused in part, and all that it holds."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from tests.integration.sources.live_fixtures import Call, found, listed, refreshed
from tests.servers.github import GitHubServer
from tests.servers.github_repository import Repository


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer("octo/demo") as server:
        yield server


@pytest.fixture
def repository(server: GitHubServer) -> Repository:
    """Three issues, a pull request, a comment, a review, a commit, a release and a deployment."""
    repository = server.repository
    for number in range(3):
        repository.add_issue(f"Furnace {number} overheats")
    pull = repository.add_issue("Add a thermostat", pull=True)
    repository.add_comment(1, "The thermocouple was loose.")
    repository.add_review(pull)
    repository.add_commit("Calibrate the pyrometer")
    repository.add_release("v1.0", body="The chimney draws again.")
    repository.add_deployment()
    return repository


@pytest.fixture
def source(precedent: Call, server: GitHubServer, repository: Repository) -> str:
    tenant = f"t-{uuid4().hex[:8]}"
    precedent("tenant", "add", tenant)
    key = f"{tenant}/demo"
    code, _, error = precedent("source", "add", key, "octo/demo", "--kind", "github", "--base-url", server.api)
    assert code == 0, error
    refreshed(precedent, key)
    return key


def test_every_kind_arrives(precedent: Call, source: str) -> None:
    assert listed(precedent, source)["raw"] == {
        "issues": 3,
        "pull_requests": 1,
        "commits": 1,
        "comments": 2,
        "incidents": 0,
        "releases": 1,
        "deployments": 1,
    }
    assert listed(precedent, source)["documents"] == 6


def test_releases_commits_and_comments_are_found(precedent: Call, source: str) -> None:
    assert len(found(precedent, source, "chimney")) == 1
    assert len(found(precedent, source, "pyrometer")) == 1
    assert found(precedent, source, "thermocouple") == ["octo/demo#1"]


def test_a_renamed_repository_keeps_its_items_under_the_new_name(
    precedent: Call, source: str, server: GitHubServer, owner_dsn: str
) -> None:
    server.rename("octo/renamed")
    outcome = refreshed(precedent, source)
    assert outcome["layers"]["raw/issues"]["rows/deleted"] == 0
    assert listed(precedent, source)["raw"]["issues"] == 3
    assert found(precedent, source, "thermocouple") == ["octo/renamed#1"]
    with psycopg.connect(owner_dsn) as connection:
        (old,) = connection.execute(
            "SELECT count(*) FROM raw_items r JOIN integrations i ON i.id = r.source_id JOIN tenants t "
            "ON t.id = i.tenant_id WHERE t.name = %s AND (r.external_id LIKE 'octo/demo#%%' "
            "OR r.parent_id LIKE 'octo/demo#%%')",
            (source.partition("/")[0],),
        ).fetchone() or (None,)
    assert old == 0


def test_a_changed_issue_of_a_renamed_repository_is_no_second_one(
    precedent: Call, source: str, server: GitHubServer, repository: Repository
) -> None:
    server.rename("octo/renamed")
    repository.change_issue(2, title="Kiln 2 overheats")
    refreshed(precedent, source)
    assert listed(precedent, source)["raw"]["issues"] == 3
    assert found(precedent, source, "kiln") == ["octo/renamed#2"]


def test_a_deleted_issue_takes_its_comments_along(precedent: Call, source: str, repository: Repository) -> None:
    repository.delete_issue(1)
    layers = refreshed(precedent, source, "--sweep")["layers"]
    assert layers["raw/issues"]["rows/deleted"] == 1
    assert layers["raw/comments"]["rows/deleted"] == 1
    assert found(precedent, source, "thermocouple") == []


def test_a_transferred_issue_leaves(precedent: Call, source: str, server: GitHubServer) -> None:
    server.transfer(2, server.add_repository("octo/other"))
    assert refreshed(precedent, source, "--sweep")["layers"]["raw/issues"]["rows/deleted"] == 1


def test_a_stream_that_is_switched_off_leaves_the_others_readable(
    precedent: Call, source: str, repository: Repository
) -> None:
    repository.issues_enabled = False
    repository.add_commit("Replace the bellows")
    outcome = refreshed(precedent, source)
    assert outcome["layers"]["raw/commits"]["rows/added"] == 1
    assert outcome["checks"]["raw/issues:source_readable"] is False
    row = listed(precedent, source)
    assert (row["state"], row["raw"]["issues"]) == ("needs attention", 3)


def test_time_bounds_keep_the_cursor_where_it_was(
    precedent: Call, source: str, server: GitHubServer, repository: Repository
) -> None:
    late = repository.add_issue("Late ember")
    created = repository.issues[late]["created_at"]
    outcome = refreshed(precedent, source, "--created-before", "2001-01-01")
    assert outcome["layers"]["raw/issues"]["rows/added"] == 0
    assert refreshed(precedent, source, "--created-after", created)["layers"]["raw/issues"]["rows/added"] == 1
    repository.change_issue(3, title="Oven 3 overheats")
    assert refreshed(precedent, source)["layers"]["raw/issues"]["rows/changed"] == 1


def test_a_full_refresh_reads_everything_anew_and_embeds_nothing_again(precedent: Call, source: str) -> None:
    layers = refreshed(precedent, source, "--full")["layers"]
    assert layers["raw/issues"]["rows/changed"] == 3
    assert layers["vectors/embeddings"]["rows/added"] == 0


def test_a_repository_that_is_gone_keeps_what_was_fetched(precedent: Call, source: str, server: GitHubServer) -> None:
    server.repositories.clear()
    refreshed(precedent, source)
    row = listed(precedent, source)
    assert (row["state"], row["raw"]["issues"]) == ("needs attention", 3)
    assert "check the name" in row["reason"]
