"""What a sync of a repository brings, the first time and after changes."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from precedent.errors import UsageError
from precedent.sources.kinds.github.source import GitHubSource
from precedent.sources.records import RawKind
from precedent.sources.source import LiveSource
from tests.servers.github import GitHubServer
from tests.unit.sources.live.github_reading import Store, opened, read, stream_of

LISTS = ("issues", "issues/comments", "pulls/comments", "commits", "releases", "deployments")


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as started:
        filled(started)
        yield started


def filled(server: GitHubServer) -> None:
    """Two issues, a pull request with everything said on it, two commits, a release and a deployment."""
    repository = server.repository
    repository.add_issue("First")
    pull = repository.add_issue("Second", pull=True)
    repository.add_issue("Third", state="closed")
    repository.add_comment(1)
    repository.add_review(pull)
    repository.add_review_comment(pull)
    repository.add_commit("One")
    repository.add_commit("Two")
    repository.add_release("v1")
    repository.add_status(repository.add_deployment())


def test_a_source_is_a_live_source(server: GitHubServer) -> None:
    with opened(server) as source:
        assert isinstance(source, LiveSource)


def test_a_first_sync_brings_everything_exactly_once(server: GitHubServer) -> None:
    store = Store()
    read(server, store)
    repository = server.repository
    (comment,), (said,), (release,), (deployment,) = (
        repository.comments,
        repository.review_comments,
        repository.releases,
        repository.deployments,
    )
    assert sorted(store.brought) == sorted(
        [
            "octo/demo#1",
            "octo/demo#2",
            "octo/demo#3",
            f"comment:{comment}",
            f"review_comment:{said}",
            f"review:{repository.reviews[2][0]['id']}",
            *repository.commits,
            f"release:{release}",
            f"deployment:{deployment}",
        ]
    )


def test_a_pull_request_comes_in_full_and_not_as_its_stub(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "issues")
    found = store.records[RawKind.PULL_REQUEST, "octo/demo#2"]
    assert found.payload == server.repository.issues[2]


def test_what_was_said_belongs_to_its_issue(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "issues", "comments", "review_comments")
    said = {record.shape: record.parent_id for record in store.records.values() if record.parent_id}
    assert said == {
        "github_comment": "octo/demo#1",
        "github_review": "octo/demo#2",
        "github_review_comment": "octo/demo#2",
    }


def test_a_deployment_carries_its_statuses(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "deployments")
    (found,) = store.records.values()
    assert [status["state"] for status in found.payload["statuses"]] == ["success"]


def test_files_of_commits_come_only_where_they_are_asked_for(server: GitHubServer) -> None:
    listed, whole = Store(), Store()
    read(server, listed, "commits")
    read(server, whole, "commits", commit_files=True)
    assert not any("files" in record.payload for record in listed.records.values())
    assert all(record.payload["files"][0]["filename"] == "a.py" for record in whole.records.values())


def test_an_unchanged_poll_is_one_request_answered_304_for_each_stream(server: GitHubServer) -> None:
    store = Store()
    read(server, store)
    asked = read(server, store)
    assert asked == list(LISTS)
    assert store.brought == []


def test_an_unchanged_poll_costs_nothing_of_the_budget(server: GitHubServer) -> None:
    store = Store()
    read(server, store)
    with opened(server) as source:
        source.probe()
        server.budget = 100
        for stream in source.streams():
            assert list(source.pages(stream, store.cursor(stream.name))) == []
    assert server.budget == 100


@pytest.mark.parametrize("size", [10, 250])
def test_three_changed_issues_cost_two_requests_whatever_the_size_of_the_repository(size: int) -> None:
    with GitHubServer() as server:
        for _ in range(size):
            server.repository.add_issue()
        store = Store()
        read(server, store, "issues")
        for number in (2, 4, 6):
            server.repository.change_issue(number, title="Changed")
        asked = read(server, store, "issues")
        assert store.brought == ["octo/demo#2", "octo/demo#4", "octo/demo#6"]
        assert asked == ["issues", "issues"]
        assert read(server, store, "issues") == ["issues"]


def test_a_changed_pull_request_costs_its_detail_and_its_reviews(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "issues")
    server.repository.change_issue(2, title="Changed")
    assert read(server, store, "issues") == ["issues", "pulls/2", "pulls/2/reviews", "issues"]


def test_a_second_change_within_the_second_of_the_first_is_found(server: GitHubServer) -> None:
    server.clock.step = timedelta(0)
    store = Store()
    server.repository.change_issue(2, additions=1)
    read(server, store, "issues")
    # The list of issues shows neither the additions nor a later date.
    server.repository.change_issue(2, additions=9)
    read(server, store, "issues")
    assert store.records[RawKind.PULL_REQUEST, "octo/demo#2"].payload["additions"] == 9


def test_a_new_review_comes_with_its_pull_request(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "issues")
    review = server.repository.add_review(2, "CHANGES_REQUESTED")
    read(server, store, "issues")
    assert f"review:{review}" in store.brought


def test_new_releases_and_changed_deployments_come_and_old_ones_cost_nothing(server: GitHubServer) -> None:
    repository = server.repository
    old = [repository.add_deployment() for _ in range(40)]
    store = Store()
    read(server, store, "releases", "deployments")
    release = repository.add_release("v2")
    repository.add_status(old[-1], "failure")
    asked = read(server, store, "releases", "deployments")
    assert f"release:{release}" in store.brought
    assert store.records[RawKind.DEPLOYMENT, f"deployment:{old[-1]}"].payload["statuses"][0]["state"] == "failure"
    assert [path for path in asked if path.endswith("statuses")] == [f"deployments/{old[-1]}/statuses"]


def test_a_read_from_a_date_leaves_out_what_was_last_changed_before(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "issues", since=datetime.fromisoformat(server.repository.issues[3]["updated_at"]))
    assert "octo/demo#3" in store.ids()
    later = Store()
    read(server, later, "issues", since=datetime.fromisoformat(server.repository.issues[1]["updated_at"]))
    assert "octo/demo#3" not in later.ids()


def test_a_record_that_cannot_be_read_is_rejected_and_the_others_come(server: GitHubServer) -> None:
    server.repository.change_issue(1, labels="bug")
    store = Store()
    read(server, store, "issues")
    assert [(item.file, item.line, item.reason) for item in store.rejected] == [("issues", 3, "wrong_type")]
    assert "octo/demo#3" in store.ids()


def test_nul_and_half_a_surrogate_are_cleaned_and_noted(server: GitHubServer) -> None:
    server.repository.change_issue(1, title="a\0b")
    store = Store()
    read(server, store, "issues")
    found = store.records[RawKind.ISSUE, "octo/demo#1"]
    assert (found.payload["title"], found.notes) == ("ab", ("nul_removed",))


def test_enterprise_is_asked_below_its_path() -> None:
    with GitHubServer(prefix="/api/v3") as server:
        filled(server)
        store = Store()
        read(server, store)
        assert len(store.records) == 10
        assert all(asked.path.startswith("/api/v3/") for asked in server.requests)


def test_a_repository_must_be_named_by_its_owner_and_name() -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        GitHubSource("demo")


def test_a_stream_that_lists_only_the_newest_cannot_be_swept(server: GitHubServer) -> None:
    with opened(server) as source, pytest.raises(UsageError, match="cannot be swept"):
        list(source.full_listing(stream_of(source, "commits")))
