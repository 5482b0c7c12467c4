"""Issues of a Jira, page by page."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from precedent.errors import UsageError
from precedent.sources.kinds.jira.auth import JiraAuth
from precedent.sources.kinds.jira.source import JiraSource
from precedent.sources.records import RawKind
from precedent.sources.shapes.cleaning import clean
from precedent.sources.source import LiveSource
from tests.conftest import DATA
from tests.servers.jira import JiraServer
from tests.servers.jira_asking import gathered, keys, read, source_of

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.fixture(params=["server", "cloud"])
def server(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


def fill(server: JiraServer, count: int, *, apart: timedelta = timedelta(minutes=5)) -> list[str]:
    return [server.add_issue(at=START + number * apart, summary=f"Issue {number}") for number in range(count)]


@pytest.fixture(scope="module")
def archive() -> list[dict[str, Any]]:
    with gzip.open(DATA / "jira" / "issues.jsonl.gz") as lines:
        return [orjson.loads(line) for line in lines]


def test_it_is_a_live_source_with_one_stream_that_sweeps(server: JiraServer) -> None:
    source = source_of(server)
    assert isinstance(source, LiveSource)
    assert [(stream.name, stream.kinds, stream.sweeps) for stream in source.streams()] == [
        ("issues", frozenset({RawKind.ISSUE}), True)
    ]


def test_the_first_sync_reads_every_issue_of_the_project_once(server: JiraServer) -> None:
    expected = fill(server, 25)
    server.add_issue("OTHER")
    records, _ = read(source_of(server, page_size=4))
    assert keys(records) == expected


@pytest.mark.records
def test_a_real_archive_comes_over_whole(archive: list[dict[str, Any]]) -> None:
    with JiraServer() as server:
        for issue in archive:
            server.load(issue)
        records, _ = read(source_of(server, projects=("AC", "ALOY", "DAEMON", "MOD"), page_size=500))
    found = {item.external_id: item.payload for item in records}
    assert len(records) == len(archive)
    # What differs: address, history and expansions are added, comments are counted as they are, NUL is no text.
    for payload in found.values():
        assert payload.pop("changelog")["total"] == 0
        assert payload.pop("self").endswith(f"/rest/api/2/issue/{payload['id']}")
        del payload["expand"]
    for issue in archive:
        count = len(issue["fields"]["comment"]["comments"])
        issue["fields"]["comment"] |= {"total": count, "maxResults": count}
    assert found == {issue["key"]: clean(issue)[0] for issue in archive}


@pytest.mark.parametrize("size", [10, 400])
def test_what_three_changes_cost_does_not_depend_on_the_size_of_the_project(server: JiraServer, size: int) -> None:
    known = fill(server, size)
    _, cursor = read(source_of(server))
    for key in (changed := known[:3]):
        server.change_issue(key, summary="Changed")
    source = source_of(server)
    records, _ = read(source, cursor)
    assert (keys(records), source.requests) == (changed, 2)


def test_an_unchanged_poll_costs_two_requests_and_gives_no_page(server: JiraServer) -> None:
    fill(server, 10)
    _, cursor = read(source_of(server))
    source = source_of(server)
    pages = list(source.pages(source.streams()[0], cursor))
    assert (pages, source.requests) == ([], 2)


def test_issues_of_the_overlap_that_were_read_are_not_completed_again(server: JiraServer) -> None:
    server.comments_shown = 0
    server.add_issue(comment={"comments": [{"id": "1", "body": "Said."}]})
    _, cursor = read(source_of(server))
    server.requests.clear()
    read(source_of(server), cursor)
    assert [asked.path for asked in server.requests if "/comment" in asked.path] == []


@pytest.mark.parametrize("crashed_after", range(1, 6))
def test_going_on_from_any_page_yields_the_same_issues_and_none_twice(server: JiraServer, crashed_after: int) -> None:
    expected = fill(server, 11) + fill(server, 11, apart=timedelta(seconds=1))
    source = source_of(server, page_size=4)
    pages = source.pages(source.streams()[0], None)
    before, cursor = gathered(next(pages) for _ in range(crashed_after))
    after, _ = read(source_of(server, page_size=4), cursor)
    assert sorted(keys(before + after)) == sorted(expected)


@pytest.mark.parametrize("apart", [timedelta(minutes=5), timedelta(0)])
def test_an_issue_that_moves_up_because_another_changes_between_pages_is_not_lost(
    server: JiraServer, apart: timedelta
) -> None:
    expected = fill(server, 12, apart=apart)
    source = source_of(server, page_size=4)
    found: list[str] = []
    for number, page in enumerate(source.pages(source.streams()[0], None)):
        found += [item.external_id for item in page.records]
        if number == 1:
            server.change_issue(expected[1], summary="Changed meanwhile")
    assert sorted(found) == sorted([*expected, expected[1]])


def test_each_page_is_asked_for_from_the_minute_of_the_last_issue_on(server: JiraServer) -> None:
    fill(server, 6)
    read(source_of(server, page_size=3, auth=JiraAuth.of("ana", "password")))
    queries = [asked.query for asked in server.searches()]
    assert [query["jql"].partition(' AND updated >= "')[2][:16] for query in queries] == [
        "1970-01-01 00:00",
        "2026-01-05 08:10",
        "2026-01-05 08:20",
    ]
    assert {(query.get("startAt", "0"), query.get("nextPageToken")) for query in queries} == {("0", None)}


def test_hundreds_of_issues_of_one_minute_are_read_once_each(server: JiraServer) -> None:
    expected = fill(server, 350, apart=timedelta(milliseconds=100))
    records, _ = read(source_of(server, page_size=50))
    assert keys(records) == expected


def test_hundreds_of_issues_of_one_minute_take_no_more_pages_than_they_fill(server: JiraServer) -> None:
    fill(server, 350, apart=timedelta(milliseconds=100))
    read(source_of(server, page_size=50))
    assert len(server.searches()) <= 8


def test_an_empty_project_gives_no_records(server: JiraServer) -> None:
    server.delete_issue(server.add_issue())
    records, cursor = read(source_of(server))
    assert (records, cursor["updated"]) == ([], None)


def test_a_read_from_the_start_can_leave_out_old_issues(server: JiraServer) -> None:
    expected = fill(server, 10)
    source = source_of(server, auth=JiraAuth.of("ana", "password"))
    records, _ = gathered(source.pages(source.streams()[0], None, START + timedelta(minutes=30)))
    assert keys(records) == expected[6:]


def test_another_scope_reads_everything_again(server: JiraServer) -> None:
    expected = fill(server, 3)
    server.add_issue("NEW", at=START)
    _, cursor = read(source_of(server))
    records, _ = read(source_of(server, projects=("PRO", "NEW")), cursor)
    assert sorted(keys(records)) == sorted([*expected, "NEW-1"])


def test_a_condition_of_the_users_own_narrows_the_project(server: JiraServer) -> None:
    server.add_issue(labels=["keep"])
    server.add_issue(labels=["leave"])
    records, _ = read(source_of(server, jql='labels = keep OR labels = "kept"'))
    assert keys(records) == ["PRO-1"]


@pytest.mark.parametrize("jql", ["labels = a ORDER BY key", "labels = a) OR (labels = b", 'labels = "a', "(labels = a"])
def test_a_condition_that_would_change_the_query_around_it_is_refused(jql: str) -> None:
    with pytest.raises(UsageError, match="JQL"):
        JiraSource("https://jira.example.com", jql=jql)


def test_order_by_within_quotes_is_a_value() -> None:
    JiraSource("https://jira.example.com", jql='labels = "order by)"')


def test_a_probe_is_equal_while_nothing_changes_and_costs_one_request(server: JiraServer) -> None:
    fill(server, 3)
    first = source_of(server).probe()
    source = source_of(server)
    assert (source.probe(first), source.requests) == (first, 1)


def test_a_probe_differs_after_a_change(server: JiraServer) -> None:
    known = fill(server, 3)
    source = source_of(server)
    first = source.probe()
    server.change_issue(known[0], summary="Changed")
    assert source.probe(first).token != first.token


def test_a_sweep_lists_every_key(server: JiraServer) -> None:
    expected = fill(server, 250)
    source = source_of(server)
    assert [each.identity for each in source.full_listing(source.streams()[0])] == [
        (RawKind.ISSUE, key) for key in expected
    ]


def test_deleted_and_moved_issues_are_gone_and_others_are_not(server: JiraServer) -> None:
    kept, deleted, moved = fill(server, 3)
    server.delete_issue(deleted)
    server.move_issue(moved, "OTHER")
    source = source_of(server)
    stream = source.streams()[0]
    missing = {kept, deleted, moved} - {listed.external_id for listed in source.full_listing(stream)}
    gone = {key for key in (kept, deleted, moved) if source.gone(stream, RawKind.ISSUE, key)}
    assert missing == gone == {deleted, moved}


def test_a_jira_under_a_path_is_read() -> None:
    with JiraServer(context="/jira") as server:
        expected = fill(server, 2)
        assert keys(read(source_of(server))[0]) == expected


@pytest.mark.parametrize(
    ("user", "key", "header"),
    [
        ("ana@example.com", "token-of-ana", "Basic YW5hQGV4YW1wbGUuY29tOnRva2VuLW9mLWFuYQ=="),
        ("ana", "pässwörd", "Basic YW5hOnDDpHNzd8O2cmQ="),
        (None, "personal-token", "Bearer personal-token"),
    ],
)
def test_credentials_are_sent_as_jira_expects(user: str | None, key: str, header: str) -> None:
    with JiraServer(authorization=header) as server:
        expected = fill(server, 1)
        assert keys(read(source_of(server, auth=JiraAuth.of(user, key)))[0]) == expected
