"""A project on GitLab, page by page; what every kind does is in its contract."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from precedent.errors import ActionRequired, RetryLater, UsageError
from precedent.sources.kinds.gitlab.source import GitLabSource
from precedent.sources.records import RawKind
from precedent.sources.registry import extract
from precedent.sources.source import Stream
from precedent.sources.testing.reading import Store
from precedent.testing.loopback import Request, Response
from tests.servers.gitlab import GitLabServer
from tests.servers.http_options import quick

TOKEN = "glpat-a-token-of-this-test"  # noqa: S105 - nobody's
JOBS = tuple(
    {"id": at, "name": name, "stage": "test", "failure_reason": reason, "finished_at": f"2026-01-01T00:0{at}:00.000Z"}
    for at, name, reason in ((2, "lint", None), (1, "rspec", "script_failure"))
)


@pytest.fixture(params=[True, False], ids=["keyset", "numbers"])
def server(request: pytest.FixtureRequest) -> Iterator[GitLabServer]:
    with GitLabServer() as started:
        started.keyset = request.param
        yield started


@contextmanager
def opened(server: GitLabServer, slept: list[float] | None = None, **options: Any) -> Iterator[GitLabSource]:
    chosen = {"base_url": server.base_url, "options": quick(slept, now=server.dated)} | options
    source = GitLabSource("acme/shop", **chosen)
    try:
        yield source
    finally:
        source.close()


def read(server: GitLabServer, store: Store, **options: Any) -> list[str]:
    """One sync of every stream; the paths that were asked for behind those of the probe."""
    with opened(server, **options) as source:
        source.probe()
        before = len(server.requests)
        store.read(source)
    return server.paths()[before:]


def stream(source: GitLabSource, name: str) -> Stream:
    return next(each for each in source.streams() if each.name == name)


def test_every_form_is_read_under_its_id(server: GitLabServer) -> None:
    server.add_issue()
    server.add_merge_request()
    on_issue = server.add_note("issues", 1)
    on_request = server.add_note("merge_requests", 1, position={"new_path": "a.py"})
    server.add_release("v1.0")
    deployment = server.add_deployment()
    pipeline = server.add_pipeline(jobs=JOBS)
    store = Store()
    read(server, store)
    found = {(kind.value, name): item.parent_id for (kind, name), item in store.records.items()}
    assert found == {
        ("issue", "acme/shop#1"): None,
        ("pull_request", "acme/shop!1"): None,
        ("release", "release:v1.0"): None,
        ("comment", f"note:{on_issue}"): "acme/shop#1",
        ("comment", f"note:{on_request}"): "acme/shop!1",
        ("deployment", f"deployment:{deployment}"): None,
        ("incident", f"pipeline:{pipeline}"): None,
    }


@pytest.mark.parametrize("path", ["issues", "merge_requests"])
def test_no_item_is_lost_when_others_change_while_the_list_is_paged(server: GitLabServer, path: str) -> None:
    add = server.add_issue if path == "issues" else server.add_merge_request
    for _ in range(250):
        add()
    items = server.issues if path == "issues" else server.merge_requests
    changed = iter(range(1, 40))

    def change(asked: Request) -> None:
        if asked.path.endswith(path) and (number := next(changed, None)):
            server.change(items, number, title="Changed meanwhile")

    server.before = change
    store = Store()
    read(server, store)
    mark = "#" if path == "issues" else "!"
    assert {name for _, name in store.records} == {f"acme/shop{mark}{number}" for number in range(1, 251)}


def test_items_that_changed_at_one_moment_are_all_read(server: GitLabServer) -> None:
    for _ in range(250):
        server.add_merge_request()
    for item in server.merge_requests.values():
        item["updated_at"] = "2026-01-01T00:00:00.000Z"
    store = Store()
    read(server, store)
    assert len(store.records) == 250


@pytest.mark.parametrize("others", [0, 300])
def test_three_changed_issues_cost_so_many_requests_however_many_there_are(server: GitLabServer, others: int) -> None:
    for _ in range(others + 3):
        server.add_issue()
    store = Store()
    read(server, store)
    for number in (1, 2, 3):
        server.change(server.issues, number, title="Changed")
    server.at += timedelta(minutes=1)
    asked = read(server, store)
    assert store.changed == {(RawKind.ISSUE, f"acme/shop#{number}") for number in (1, 2, 3)}
    assert asked.count("issues") == 1
    # The lists of the five streams.
    assert len(asked) == 5


def test_nothing_is_read_again_where_nothing_has_changed(server: GitLabServer) -> None:
    server.add_issue()
    server.add_note("issues", 1)
    store = Store()
    read(server, store)
    with opened(server) as source:
        pages = [list(source.pages(each, store.cursor(each.name))) for each in source.streams()]
    assert pages == [[]] * 5


def test_notes_that_gitlab_wrote_are_left_out(server: GitLabServer) -> None:
    server.add_issue()
    written = server.add_note("issues", 1)
    server.add_note("issues", 1, "assigned to @ada", system=True)
    store = Store()
    read(server, store)
    assert [name for kind, name in store.records if kind is RawKind.COMMENT] == [f"note:{written}"]


def test_of_a_changed_issue_only_pages_with_new_notes_are_asked_for(server: GitLabServer) -> None:
    server.add_issue()
    for _ in range(250):
        server.add_note("issues", 1)
    store = Store()
    assert read(server, store).count("issues/1/notes") == 3
    server.add_note("issues", 1, "One more.")
    assert read(server, store).count("issues/1/notes") == 1
    assert len(store.records) == 252


def test_an_issue_that_arrives_with_old_notes_brings_them_all(server: GitLabServer) -> None:
    server.add_issue()
    store = Store()
    read(server, store)
    moved = server.add_issue("Moved here")
    server.add_note("issues", moved, updated_at="2020-01-01T00:00:00.000Z")
    read(server, store)
    assert sum(kind is RawKind.COMMENT for kind, _ in store.records) == 1


def test_failed_pipelines_of_the_default_branch_are_incidents(server: GitLabServer) -> None:
    failed = server.add_pipeline(jobs=JOBS, name="Nightly")
    server.add_pipeline(ref="topic")
    server.add_pipeline("success")
    store = Store()
    read(server, store)
    ((_, name), item), *more = store.records.items()
    assert (name, more) == (f"pipeline:{failed}", [])
    document = extract(item.shape, item.payload)
    assert document.title == "Pipeline Nightly #1 failed on main: test"
    assert document.text.endswith("Job rspec of stage test failed: script failure\n\nJob lint of stage test failed")
    assert (document.state, document.components) == ("failed", ("test",))


def test_a_pipeline_that_succeeds_when_it_is_retried_is_resolved(server: GitLabServer) -> None:
    failed = server.add_pipeline(jobs=JOBS)
    other = server.add_pipeline("running")
    store = Store()
    read(server, store)
    server.change(server.pipelines, failed, status="success")
    server.change(server.pipelines, other, status="success")
    read(server, store)
    (item,) = store.records.values()
    document = extract(item.shape, item.payload)
    assert (document.state, document.resolution) == ("resolved", "succeeded when it was retried")
    assert document.title == "Pipeline #1 failed on main: test"


def test_a_pipeline_that_fails_after_the_first_read_is_found(server: GitLabServer) -> None:
    server.add_pipeline()
    store = Store()
    read(server, store)
    later = server.add_pipeline("running")
    read(server, store)
    server.change(server.pipelines, later, status="failed")
    read(server, store)
    assert (RawKind.INCIDENT, f"pipeline:{later}") in store.records


def test_pipelines_are_left_out_where_they_are_not_wanted(server: GitLabServer) -> None:
    server.add_pipeline()
    store = Store()
    assert "pipelines" not in read(server, store, pipelines=False)
    assert store.records == {}


def test_releases_are_read_until_nothing_is_new_and_edits_of_recent_ones_are_found(server: GitLabServer) -> None:
    for number in range(250):
        server.add_release(f"v{number}")
    store = Store()
    read(server, store)
    assert len(store.records) == 250
    server.releases["v249"]["description"] = "* Fixes and more"
    server.add_release("v250")
    assert read(server, store).count("releases") <= 2
    assert store.changed == {(RawKind.RELEASE, "release:v249"), (RawKind.RELEASE, "release:v250")}


def test_a_renamed_project_is_read_by_its_number_ever_after(server: GitLabServer) -> None:
    server.add_issue()
    with opened(server) as source:
        before = source.probe()
        server.rename("acme/store")
        server.former.clear()
        assert source.probe(before).name == "acme/store"


@pytest.mark.parametrize(("bearer", "header"), [(False, "private-token"), (True, "authorization")])
def test_the_token_is_sent_as_configured(server: GitLabServer, bearer: bool, header: str) -> None:
    server.token = TOKEN
    with opened(server, key=TOKEN, bearer=bearer) as source:
        source.probe()
    assert {asked.headers[header].removeprefix("Bearer ") for asked in server.requests} == {TOKEN}


def test_a_limit_is_read_from_gitlabs_headers(server: GitLabServer) -> None:
    slept: list[float] = []
    server.limit(7)
    with opened(server, slept) as source:
        source.probe()
    assert slept == [8.0]
    server.limit(900)
    with opened(server) as source, pytest.raises(RetryLater) as caught:
        source.probe()
    assert caught.value.until == server.at + timedelta(seconds=901)


def test_a_list_that_is_switched_off_leaves_the_others_readable(server: GitLabServer) -> None:
    server.switched_off = {"pipelines"}
    server.add_issue()
    with opened(server) as source:
        source.probe()
        assert list(source.pages(stream(source, "issues"), None))
        with pytest.raises(ActionRequired) as caught:
            list(source.pages(stream(source, "pipelines"), None))
    assert (caught.value.code, caught.value.whole) == ("forbidden", False)


def test_a_link_to_another_host_is_not_followed(server: GitLabServer) -> None:
    for number in range(101):
        server.add_release(f"v{number}")
    with GitLabServer() as other:
        server.links_to = other.url
        with opened(server, key=TOKEN) as source, pytest.raises(ActionRequired, match="another host"):
            list(source.pages(stream(source, "releases"), None))
        assert other.requests == []


def test_a_link_that_is_refused_later_is_replaced_by_the_date_that_was_kept_with_it(server: GitLabServer) -> None:
    for _ in range(150):
        server.add_issue()
    with opened(server) as source:
        issues = stream(source, "issues")
        cursor = {"since": None, "link": f"{server.url}/api/v4/projects/81/issues?cursor=of-another-version"}
        refused = Response({"message": "cursor is invalid"}, 400)
        server.fail("status", only=lambda asked: asked.query.get("cursor") == "of-another-version", response=refused)
        pages = list(source.pages(issues, cursor))
    assert sum(len(page.records) for page in pages) == 150


def test_a_merge_request_that_was_deleted_is_gone_and_its_notes_are_not_asked_for(server: GitLabServer) -> None:
    for _ in range(2):
        server.add_merge_request()
    server.add_release("v1")
    del server.merge_requests[1]
    with opened(server) as source:
        requests, releases = stream(source, "merge_requests"), stream(source, "releases")
        assert [each.identity for each in source.full_listing(requests)] == [(RawKind.PULL_REQUEST, "acme/shop!2")]
        assert source.gone(requests, RawKind.PULL_REQUEST, "acme/shop!1")
        assert not source.gone(requests, RawKind.PULL_REQUEST, "acme/shop!2")
        assert not source.gone(requests, RawKind.COMMENT, "note:1")
        assert not source.gone(releases, RawKind.RELEASE, "release:v1")
        with pytest.raises(UsageError, match="cannot be swept"):
            list(source.full_listing(stream(source, "pipelines")))
