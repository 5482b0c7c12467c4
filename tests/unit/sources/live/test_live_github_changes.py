"""What becomes of a repository: looks at it, renames, moves, deletions, other commits."""

from collections.abc import Iterator

import orjson
import pytest

from precedent.errors import NotThere
from precedent.sources.records import RawKind
from precedent.sources.source import Probe
from precedent.testing.loopback import Response
from tests.servers.github import GitHubServer
from tests.unit.sources.live.github_reading import Store, opened, read, stream_of


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as started:
        repository = started.repository
        repository.add_issue()
        pull = repository.add_issue(pull=True)
        repository.add_comment(1)
        repository.add_review_comment(pull)
        repository.add_commit("One")
        repository.add_release("v1")
        repository.add_deployment()
        yield started


def probe(server: GitHubServer, before: Probe | None = None, **options: str) -> Probe:
    with opened(server, **options) as source:
        return source.probe(before)


def kept(found: Probe) -> Probe:
    """As a database gives it back."""
    return Probe(found.token, orjson.loads(orjson.dumps(found.validators)), found.name)


def test_a_look_at_what_has_not_changed_is_three_requests_answered_304(server: GitHubServer) -> None:
    first = kept(probe(server))
    asked, server.budget = len(server.requests), 10
    again = probe(server, first)
    assert again.token == first.token
    assert (len(server.requests) - asked, server.budget) == (3, 10)


def test_stars_do_not_change_the_token(server: GitHubServer) -> None:
    first = probe(server)
    server.repository.stars = 5
    assert probe(server, first).token == first.token


def test_a_repository_without_anything_has_a_token_that_stays() -> None:
    with GitHubServer() as server:
        server.repository.issues_enabled = False
        first = probe(server)
        assert probe(server, first).token == first.token


@pytest.mark.parametrize("change", ["issue", "push", "comment", "review_comment", "release", "deployment"])
def test_a_change_is_seen_after_four_looks_at_the_latest(server: GitHubServer, change: str) -> None:
    found = first = probe(server)
    repository = server.repository
    if change == "issue":
        repository.change_issue(1)
    elif change == "push":
        repository.add_commit("Two")
    elif change in {"comment", "review_comment"}:
        held = repository.comments if change == "comment" else repository.review_comments
        next(iter(held.values())).update(body="Edited", updated_at=server.clock.stamp())
    elif change == "release":
        repository.add_release("v2")
    else:
        repository.add_deployment()
    for _ in range(4):
        found = probe(server, kept(found))
    assert found.token != first.token


def test_a_renamed_repository_is_followed_under_its_new_name(server: GitHubServer) -> None:
    server.rename("octo/renamed")
    found = probe(server, repository="octo/demo")
    assert found.name == "octo/renamed"


def test_ids_begin_with_the_new_name_although_payloads_still_hold_the_old_one(server: GitHubServer) -> None:
    server.rename("octo/renamed")
    store = Store()
    read(server, store, "issues", "comments", repository="octo/demo")
    assert store.ids()[-2:] == ["octo/renamed#1", "octo/renamed#2"]
    assert {record.parent_id for record in store.records.values() if record.parent_id} == {"octo/renamed#1"}
    assert "repos/octo/demo" in str(store.records[RawKind.ISSUE, "octo/renamed#1"].payload)


def test_an_item_of_a_renamed_repository_is_not_gone(server: GitHubServer) -> None:
    server.rename("octo/renamed")
    with opened(server, repository="octo/demo") as source:
        assert not source.gone(stream_of(source, "issues"), RawKind.ISSUE, "octo/renamed#1")


def test_a_repository_that_is_gone_says_so(server: GitHubServer) -> None:
    server.repositories.clear()
    with pytest.raises(NotThere, match="no repository octo/demo") as caught:
        probe(server)
    assert caught.value.whole


def test_a_deleted_issue_is_not_listed_and_gone(server: GitHubServer) -> None:
    server.repository.delete_issue(1)
    with opened(server) as source:
        issues = stream_of(source, "issues")
        assert [each.identity for each in source.full_listing(issues)] == [(RawKind.PULL_REQUEST, "octo/demo#2")]
        assert source.gone(issues, RawKind.ISSUE, "octo/demo#1")
        assert not source.gone(issues, RawKind.PULL_REQUEST, "octo/demo#2")


def test_a_transferred_issue_is_gone(server: GitHubServer) -> None:
    other = server.add_repository("octo/other")
    server.transfer(1, other)
    with opened(server) as source:
        assert source.gone(stream_of(source, "issues"), RawKind.ISSUE, "octo/demo#1")


@pytest.mark.parametrize(
    ("stream", "kind", "held"),
    [
        ("comments", RawKind.COMMENT, "comments"),
        ("review_comments", RawKind.COMMENT, "review_comments"),
        ("releases", RawKind.RELEASE, "releases"),
        ("deployments", RawKind.DEPLOYMENT, "deployments"),
    ],
)
def test_what_is_deleted_is_gone_and_what_is_there_is_not(
    server: GitHubServer, stream: str, kind: RawKind, held: str
) -> None:
    items = getattr(server.repository, held)
    (number,) = items
    prefix = {"comments": "comment", "review_comments": "review_comment"}.get(stream, kind.value)
    with opened(server) as source:
        there = source.gone(stream_of(source, stream), kind, f"{prefix}:{number}")
        items.clear()
        deleted = source.gone(stream_of(source, stream), kind, f"{prefix}:{number}")
    assert (there, deleted) == (False, True)


def test_the_ids_of_a_stream_are_those_that_its_sync_brings(server: GitHubServer) -> None:
    for name in ("issues", "comments", "review_comments", "releases"):
        store = Store()
        read(server, store, name)
        with opened(server) as source:
            assert sorted(listed.external_id for listed in source.full_listing(stream_of(source, name))) == store.ids()


def test_an_id_of_another_stream_is_not_gone_and_costs_nothing(server: GitHubServer) -> None:
    with opened(server) as source:
        assert not source.gone(stream_of(source, "comments"), RawKind.COMMENT, "review:5")
        assert not source.gone(stream_of(source, "issues"), RawKind.COMMENT, "review:5")
    assert server.requests == []


def test_a_pull_request_deleted_while_it_is_read_is_gone(server: GitHubServer) -> None:
    server.fail(
        "status", only=lambda asked: asked.path.endswith("/pulls/2"), response=Response({"message": "Not Found"}, 404)
    )
    store = Store()
    read(server, store, "issues")
    assert store.gone == [(RawKind.PULL_REQUEST, "octo/demo#2")]
    assert "octo/demo#1" in store.ids()


def test_an_empty_repository_has_no_commits_and_no_fault() -> None:
    with GitHubServer() as server:
        store = Store()
        read(server, store, "commits")
        assert store.records == {}


def test_only_new_commits_come_with_a_new_head(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "commits")
    new = [server.repository.add_commit(f"New {number}") for number in range(130)]
    asked = read(server, store, "commits")
    assert store.brought == new
    assert [path.partition("/")[0] for path in asked] == ["commits", "compare", "compare"]


def test_old_commits_that_are_merged_later_come_with_the_merge(server: GitHubServer) -> None:
    first = next(iter(server.repository.commits))
    old = server.repository.add_commit("Old", parents=(first,), branch=None, dated="2020-01-01T00:00:00Z")
    server.repository.add_commit("Two")
    store = Store()
    read(server, store, "commits")
    assert (RawKind.COMMIT, old) not in store.records
    server.repository.add_commit("Merge", parents=(server.repository.branches["main"], old))
    read(server, store, "commits")
    assert (RawKind.COMMIT, old) in store.records


def test_commits_are_read_anew_where_a_forced_push_made_the_old_head_unknown(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "commits")
    server.repository.commits.clear()
    server.repository.branches.clear()
    written_anew = [server.repository.add_commit(f"Anew {number}") for number in range(3)]
    read(server, store, "commits")
    assert sorted(store.brought) == sorted(written_anew)


def test_a_head_that_vanishes_while_it_is_read_is_left_for_the_new_one(server: GitHubServer) -> None:
    for number in range(120):
        server.repository.add_commit(f"Old {number}")
    with opened(server) as source:
        commits = stream_of(source, "commits")
        page = next(iter(source.pages(commits, None)))
        server.repository.commits.clear()
        server.repository.branches.clear()
        new = server.repository.add_commit("New")
        brought = [record for later in source.pages(commits, page.cursor) for record in later.records]
    assert [getattr(record, "external_id", None) for record in brought] == [new]


def test_another_default_branch_brings_its_commits(server: GitHubServer) -> None:
    store = Store()
    read(server, store, "commits")
    main = server.repository.branches["main"]
    server.repository.branches["next"] = main
    new = server.repository.add_commit("On next", branch="next")
    server.repository.default_branch = "next"
    read(server, store, "commits")
    assert store.brought == [new]
