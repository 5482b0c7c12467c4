"""A Jira that misbehaves, and one that refuses."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from precedent.errors import ActionRequired, NotThere, RetryLater, SourceFault, UsageError
from precedent.sources.kinds.jira.auth import JiraAuth
from precedent.sources.kinds.jira.source import JiraSource
from precedent.testing.loopback import Request, Response
from tests.servers.jira import JiraServer
from tests.servers.jira_asking import keys, read, source_of

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
SECRET = "token-of-ana-1234"  # noqa: S105
ENCODED = "YW5hQGV4YW1wbGUuY29tOnRva2VuLW9mLWFuYS0xMjM0"


@pytest.fixture(params=["server", "cloud"])
def server(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


def fill(server: JiraServer, count: int, *, apart: timedelta = timedelta(minutes=5)) -> list[str]:
    return [server.add_issue(at=START + number * apart) for number in range(count)]


def searching(asked: Request) -> bool:
    return "/search" in asked.path


def fault_of(source: JiraSource) -> SourceFault:
    with pytest.raises(SourceFault) as raised:
        read(source)
    return raised.value


def answering(server: JiraServer, data: Any, *, status: int = 200, times: int = 1, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.fail("status", times=times, only=searching, response=Response(data, status, named))


@pytest.mark.parametrize("kind", ["cut", "reset", "html"])
def test_one_bad_answer_is_asked_for_again(server: JiraServer, kind: str) -> None:
    expected = fill(server, 5)
    server.fail(kind, only=searching)
    assert keys(read(source_of(server))[0]) == expected


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_one_server_error_is_sat_out(server: JiraServer, status: int) -> None:
    expected = fill(server, 5)
    answering(server, {"errorMessages": ["Internal error"]}, status=status)
    assert keys(read(source_of(server))[0]) == expected


@pytest.mark.parametrize(
    ("kind", "code"), [("status", "server_error"), ("cut", "cut_answer"), ("reset", "unreachable")]
)
def test_trouble_for_ever_is_waited_for(server: JiraServer, kind: str, code: str) -> None:
    fill(server, 5)
    server.fail(kind, times=99, only=searching)
    fault = fault_of(source_of(server))
    assert (type(fault), fault.code) == (RetryLater, code)


def test_a_silent_server_is_waited_for(server: JiraServer) -> None:
    fill(server, 1)
    server.fail("slow", times=99, only=searching)
    fault = fault_of(source_of(server, timeout_s=0.1))
    assert (type(fault), fault.code) == (RetryLater, "timeout")


def test_web_pages_for_ever_need_attention(server: JiraServer) -> None:
    server.fail("html", times=99)
    fault = fault_of(source_of(server))
    assert (type(fault), fault.code) == (ActionRequired, "not_json")


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (410, "gone")]
)
def test_a_refusal_needs_attention(server: JiraServer, status: int, code: str) -> None:
    answering(server, {"errorMessages": ["No."]}, status=status)
    fault = fault_of(source_of(server))
    assert isinstance(fault, ActionRequired)
    assert (fault.code, isinstance(fault, NotThere)) == (code, status in {404, 410})


@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize("data", [[], 7, None, {"errorMessages": None}, {"errors": None}])
def test_an_error_in_an_unusual_form_is_judged_by_its_status(server: JiraServer, status: int, data: Any) -> None:
    answering(server, data, status=status, times=99)
    expected = {401: "unauthorized", 403: "forbidden", 500: "server_error"}
    assert fault_of(source_of(server)).code == expected[status]


def test_wrong_credentials_need_attention() -> None:
    with JiraServer(authorization="Bearer right-token") as server:
        assert fault_of(source_of(server, auth=JiraAuth.of(None, "wrong-token"))).code == "unauthorized"


def test_a_login_that_fails_silently_needs_attention(server: JiraServer) -> None:
    answering(server, {"issues": [], "total": 0}, X_Seraph_LoginReason="AUTHENTICATED_FAILED")
    assert fault_of(source_of(server, auth=JiraAuth.of("ana@example.com", SECRET))).code == "unauthorized"


def test_a_captcha_is_named(server: JiraServer) -> None:
    answering(server, b"", status=403, X_Authentication_Denied_Reason="CAPTCHA_CHALLENGE; login-url=/login.jsp")
    assert fault_of(source_of(server)).code == "captcha"


def test_a_user_who_may_not_see_the_own_profile_can_read() -> None:
    with JiraServer() as server:
        expected = fill(server, 1)
        forbidden = Response({"errorMessages": ["No."]}, 403)
        server.fail("status", only=lambda asked: asked.path.endswith("/myself"), response=forbidden)
        assert keys(read(source_of(server, auth=JiraAuth.of("ana", SECRET)))[0]) == expected


def test_a_query_that_jira_refuses_is_shown_with_its_sentence(server: JiraServer) -> None:
    fault = fault_of(source_of(server, projects=("NONE",)))
    assert isinstance(fault, ActionRequired)
    assert "The value 'NONE' does not exist for the field 'project'." in fault.reason


def test_a_short_limit_is_sat_out(server: JiraServer) -> None:
    expected = fill(server, 3)
    server.limit(7)
    slept: list[float] = []
    records, _ = read(source_of(server, slept=slept))
    assert (keys(records), slept) == (expected, [7.0])


def test_a_long_limit_ends_the_sync_until_it_is_over(server: JiraServer) -> None:
    server.limit(900)
    fault = fault_of(source_of(server, now=lambda: START))
    assert isinstance(fault, RetryLater)
    assert (fault.code, fault.until) == ("rate_limited", START + timedelta(seconds=900))


def test_every_attempt_is_the_callers_and_counted(server: JiraServer) -> None:
    server.fail("status", times=99, response=Response({"errorMessages": ["Later."]}, 503, {"Retry-After": "1"}))
    source = source_of(server)
    fault_of(source)
    assert source.requests == len(server.requests) == 4


@pytest.mark.parametrize("tokens", [("a", "a"), ("a", "b", "a"), ("a", "b", "c", "b")])
def test_tokens_that_lead_in_a_circle_need_attention(tokens: tuple[str, ...]) -> None:
    with JiraServer("cloud") as server:
        for token in tokens:
            answering(server, {"issues": [], "nextPageToken": token, "isLast": False})
        assert fault_of(source_of(server)).code == "link_loop"


def test_empty_pages_without_end_need_attention() -> None:
    with JiraServer("cloud") as server:
        for number in range(40):
            answering(server, {"issues": [], "nextPageToken": f"token {number}"})
        assert fault_of(source_of(server)).code == "link_loop"


def test_an_empty_page_with_a_token_is_not_the_end() -> None:
    with JiraServer("cloud") as server:
        known = fill(server, 6, apart=timedelta(0))
        source = source_of(server, page_size=3)
        token = next(source.pages(source.streams()[0], None)).cursor["unfinished"]["place"]
        answering(server, {"issues": [], "nextPageToken": token, "isLast": False})
        assert keys(read(source_of(server, page_size=3))[0]) == known[3:]


def test_tokens_that_circle_in_a_sweep_need_attention() -> None:
    with JiraServer("cloud") as server:
        for token in ("a", "b", "a"):
            answering(server, {"issues": [{"key": "PRO-1"}], "nextPageToken": token})
        source = source_of(server)
        with pytest.raises(ActionRequired) as raised:
            list(source.full_listing(source.streams()[0]))
        assert raised.value.code == "link_loop"


def test_a_token_that_has_ended_starts_its_query_over() -> None:
    with JiraServer("cloud") as server:
        expected = fill(server, 9, apart=timedelta(0))
        source = source_of(server, page_size=4)
        page = next(source.pages(source.streams()[0], None))
        stale = page.cursor | {"unfinished": page.cursor["unfinished"] | {"place": "ended"}}
        rest, _ = read(source_of(server, page_size=4), stale)
        assert [item.external_id for item in page.records] + keys(rest) == expected


def test_positions_that_never_hold_still_are_waited_for() -> None:
    with JiraServer() as server:
        fill(server, 9, apart=timedelta(0))
        other = Response({"issues": [{"key": "PRO-77", "fields": {}}], "total": 9})
        server.fail("status", times=999, only=lambda asked: asked.query.get("startAt", "0") != "0", response=other)
        fault = fault_of(source_of(server, page_size=4))
        assert (type(fault), fault.code) == (RetryLater, "changing")


def test_issues_that_are_deleted_while_one_minute_is_paged_cost_no_other_issue() -> None:
    with JiraServer() as server:
        known = fill(server, 60, apart=timedelta(0))
        deleted = iter(known[:10])
        server.before = lambda asked: (
            server.delete_issue(key)
            if asked.query.get("startAt", "0") != "0" and (key := next(deleted, None))
            else None
        )
        assert set(known[10:]) <= set(keys(read(source_of(server, page_size=20))[0]))


def test_a_search_that_forgets_its_total_needs_attention() -> None:
    with JiraServer() as server:
        answering(server, {"issues": []})
        assert fault_of(source_of(server)).code == "other_shape"


def test_a_search_without_issues_needs_attention(server: JiraServer) -> None:
    answering(server, {"total": 3, "values": []})
    assert fault_of(source_of(server)).code == "other_shape"


def test_a_deployment_that_is_named_is_not_asked_for(server: JiraServer) -> None:
    fill(server, 1)
    read(source_of(server, deployment=server.flavour, auth=JiraAuth.of("ana", SECRET)))
    assert [asked.path for asked in server.requests if "serverInfo" in asked.path] == []


def test_a_cloud_that_is_asked_as_a_server_says_that_this_is_gone() -> None:
    with JiraServer("cloud") as server:
        assert fault_of(source_of(server, deployment="server")).code == "gone"


@pytest.mark.parametrize("kind", ["status", "cut", "reset", "slow", "html"])
def test_no_fault_shows_the_credentials(server: JiraServer, kind: str) -> None:
    server.fail(kind, times=99)
    fault = fault_of(source_of(server, timeout_s=0.1, auth=JiraAuth.of("ana@example.com", SECRET)))
    text = ""
    link: BaseException | None = fault
    while link is not None:
        text += "".join(traceback.TracebackException.from_exception(link, capture_locals=False).format()) + repr(link)
        link = link.__cause__ or link.__context__
    assert SECRET not in text
    assert ENCODED not in text


def test_credentials_do_not_show_themselves() -> None:
    assert SECRET not in repr(JiraAuth.of("ana@example.com", SECRET))


@pytest.mark.parametrize(
    ("user", "key"),
    [("ana", None), (None, "with\nbreak"), (None, " spaced "), ("a:b", "password"), (None, "pässwörd")],
)
def test_credentials_that_cannot_be_are_refused_without_showing_them(user: str | None, key: str | None) -> None:
    with pytest.raises(UsageError) as raised:
        JiraAuth.of(user, key)
    assert key is None or key not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "jira.example.com",
        "ftp://jira.example.com",
        "https://",
        "https://host:port",
        "https://a:b@host",
        "https://host?x=1",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="base URL"):
        JiraSource(url)


@pytest.mark.parametrize("project", ["", "A-1", 'A") OR (key = "B', "1A"])
def test_a_project_key_that_is_none_is_refused(project: str) -> None:
    with pytest.raises(UsageError, match="key of a Jira project"):
        JiraSource("https://jira.example.com", projects=(project,))
