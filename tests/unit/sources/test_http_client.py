"""Requests that are repeated, slowed down, bounded and given up, against a server that misbehaves."""

import traceback
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from precedent.errors import ActionRequired, NotThere, RetryLater, SourceFault, UsageError
from precedent.http.addresses import checked_url
from precedent.http.client import HttpClient
from precedent.testing.loopback import LoopbackServer, Request, Response
from tests.servers.http_options import quick

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = "a-token-of-this-test-alone"  # noqa: S105 - nobody's


class Echo(LoopbackServer):
    """Answers every path with the path, under a validator."""

    def answer(self, asked: Request) -> Response:
        if asked.headers.get("if-none-match") == '"one"':
            return Response(None, 304, {"ETag": '"one"'})
        return Response({"path": asked.path}, 200, {"ETag": '"one"'})


class Calling:
    """A client of the server whose waits take no time but are noted."""

    def __init__(self, server: LoopbackServer, short_wait_s: float = 60.0, **options: Any) -> None:
        self.slept: list[float] = []
        self.client = HttpClient(
            server.url,
            "The server",
            authorize=lambda: {"Authorization": f"Bearer {TOKEN}"},
            options=quick(self.slept, short_wait_s=short_wait_s, now=lambda: NOW, **options),
        )


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as started:
        yield started


@pytest.fixture
def calling(server: Echo) -> Iterator[Calling]:
    made = Calling(server)
    yield made
    made.client.close()


def answers(server: Echo, status: int, data: Any = None, times: int = 99, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.fail("status", times=times, response=Response(data, status, named))


def test_a_good_answer_is_parsed_at_once(calling: Calling) -> None:
    assert calling.client.get("/a").data == {"path": "/a"}
    assert (calling.client.requests, calling.slept) == (1, [])


def test_a_validator_that_holds_brings_no_data(calling: Calling) -> None:
    etag = calling.client.get("/a").headers["etag"]
    reply = calling.client.get("/a", etag=etag)
    assert reply.unchanged
    assert reply.data is None


@pytest.mark.parametrize("kind", ["status", "reset", "cut", "html"])
def test_trouble_that_passes_is_repeated_with_growing_pauses(server: Echo, calling: Calling, kind: str) -> None:
    server.fail(kind, times=3)
    assert calling.client.get("/a").data == {"path": "/a"}
    assert calling.slept == [1.0, 2.0, 4.0]


def test_trouble_that_stays_is_given_up_after_four_attempts_until_later(server: Echo, calling: Calling) -> None:
    answers(server, 503)
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert (caught.value.code, caught.value.until) == ("server_error", NOW + timedelta(minutes=5))
    assert calling.client.requests == 4


def test_attempts_are_counted_apart_from_waits_for_a_limit(server: Echo, calling: Calling) -> None:
    answers(server, 429, times=3, retry_after="2")
    server.fail("status", times=3)
    assert calling.client.get("/a").data == {"path": "/a"}
    assert calling.slept == [2.0, 2.0, 2.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(("short", "waits"), [(60.0, 60), (3.0, 3)])
def test_a_limit_that_claims_to_be_over_is_not_asked_without_end(server: Echo, short: float, waits: int) -> None:
    answers(server, 429, times=999, retry_after="0")
    calling = Calling(server, short)
    with pytest.raises(RetryLater):
        calling.client.get("/a")
    assert calling.slept == [1.0] * waits
    calling.client.close()


def test_short_limits_are_sat_out_only_as_long_as_they_are_short_together(server: Echo, calling: Calling) -> None:
    answers(server, 429, retry_after="25")
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert calling.slept == [25.0, 25.0]
    assert (caught.value.until, caught.value.whole) == (NOW + timedelta(seconds=25), True)


def test_a_limit_without_end_is_asked_about_after_a_day(server: Echo, calling: Calling) -> None:
    answers(server, 429, retry_after="1e30")
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert caught.value.until == NOW + timedelta(days=1)


def test_a_403_that_speaks_of_a_rate_limit_is_one(server: Echo, calling: Calling) -> None:
    answers(server, 403, {"message": "You have exceeded a secondary rate limit"})
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert caught.value.code == "rate_limited"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (301, ActionRequired, "refused"),
        (400, ActionRequired, "refused"),
        (401, ActionRequired, "unauthorized"),
        (403, ActionRequired, "forbidden"),
        (404, NotThere, "not_found"),
        (409, ActionRequired, "conflict"),
        (410, NotThere, "gone"),
        (422, ActionRequired, "refused"),
    ],
)
def test_a_refusal_is_not_repeated(
    server: Echo, calling: Calling, status: int, kind: type[SourceFault], code: str
) -> None:
    answers(server, status, {"message": "No."})
    with pytest.raises(kind) as caught:
        calling.client.get("/a")
    assert (caught.value.code, calling.client.requests) == (code, 1)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"message": "Line\none"}, ": Line one"),
        ({"errorMessages": ["Bad JQL"]}, ": Bad JQL"),
        ([], "(400)"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(server: Echo, calling: Calling, data: object, said: str) -> None:
    answers(server, 400, data)
    with pytest.raises(ActionRequired) as caught:
        calling.client.get("/a")
    assert said in caught.value.reason


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_fault_says_whether_it_concerns_the_stream_alone(server: Echo, calling: Calling, status: int) -> None:
    answers(server, status, {})
    with pytest.raises(SourceFault) as caught:
        calling.client.get("/a", whole=False)
    assert not caught.value.whole


def test_a_server_that_cannot_be_reached_concerns_the_whole_source(server: Echo, calling: Calling) -> None:
    server.fail("reset", times=99)
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a", whole=False)
    assert caught.value.whole


def test_a_web_page_instead_of_json_needs_attention_in_the_end(server: Echo, calling: Calling) -> None:
    server.fail("html", times=99)
    with pytest.raises(ActionRequired) as caught:
        calling.client.get("/a")
    assert (caught.value.code, calling.client.requests) == ("not_json", 4)


def test_another_form_than_expected_needs_attention(calling: Calling) -> None:
    with pytest.raises(ActionRequired) as caught:
        calling.client.get("/a", expect=list)
    assert caught.value.code == "other_shape"


@pytest.mark.parametrize("body", [b'{"a": ', b"", b"\xff\xfe"])
def test_broken_json_is_trouble(server: Echo, calling: Calling, body: bytes) -> None:
    answers(server, 200, body)
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert caught.value.code == "cut_answer"


def test_a_redirect_within_the_server_is_followed_with_the_credentials(server: Echo, calling: Calling) -> None:
    answers(server, 302, times=1, location="/b")
    assert calling.client.get("/a").data == {"path": "/b"}
    assert [asked.headers["authorization"] for asked in server.requests] == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("link", [False, True])
def test_another_server_is_never_asked(server: Echo, calling: Calling, link: bool) -> None:
    with Echo() as other:
        if not link:
            answers(server, 302, location=f"{other.url}/a")
        with pytest.raises(ActionRequired) as caught:
            calling.client.get(f"{other.url}/a" if link else "/a")
        assert (caught.value.code, other.requests) == ("foreign_link", [])
        assert other.url in caught.value.reason


def test_redirects_without_end_need_attention(server: Echo, calling: Calling) -> None:
    answers(server, 302, location="/a")
    with pytest.raises(ActionRequired) as caught:
        calling.client.get("/a")
    assert (caught.value.code, len(server.requests)) == ("redirect_loop", 6)


@pytest.mark.parametrize("bomb", [False, True])
def test_an_answer_without_end_is_not_read_on(server: Echo, bomb: bool) -> None:
    calling = Calling(server, largest_answer=1 << 20)
    if bomb:
        server.fail("bomb", times=99, size=1 << 30)
    else:
        answers(server, 200, b"x" * (2 << 20))
    with pytest.raises(ActionRequired) as caught:
        calling.client.get("/a")
    assert (caught.value.code, calling.client.requests) == ("too_large", 1)
    calling.client.close()


def test_a_bomb_takes_no_more_memory_than_an_answer_may(server: Echo) -> None:
    calling = Calling(server, largest_answer=1 << 20)
    server.fail("bomb", times=99, size=1 << 28)
    tracemalloc.start()
    with pytest.raises(ActionRequired):
        calling.client.get("/a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    calling.client.close()
    assert peak < 12 << 20


def test_an_answer_of_millions_of_lists_is_not_parsed(server: Echo, calling: Calling) -> None:
    answers(server, 200, b'{"a": [' + b"[]," * 3_000_000 + b"[]]}")
    with pytest.raises(ActionRequired) as caught:
        calling.client.get("/a")
    assert caught.value.code == "other_shape"


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(server: Echo) -> None:
    calling = Calling(server, deadline_s=0.3)
    server.fail("drip", times=99)
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert (caught.value.code, calling.client.requests) == ("timeout", 1)
    calling.client.close()


@pytest.mark.parametrize(("kind", "code"), [("slow", "timeout"), ("cut", "cut_answer"), ("reset", "unreachable")])
def test_no_error_holds_the_request_or_its_credentials(server: Echo, kind: str, code: str) -> None:
    calling = Calling(server, timeout_s=0.1)
    server.fail(kind, times=99)
    with pytest.raises(RetryLater) as caught:
        calling.client.get("/a")
    assert caught.value.code == code
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    error: BaseException | None = caught.value
    while error is not None:
        assert type(error).__module__.partition(".")[0] not in {"httpx2", "httpcore2"}
        error = error.__cause__ or error.__context__
    calling.client.close()


@pytest.mark.parametrize(
    "url", ["host", "ftp://host", "https://", "https://host:port", "https://a:b@host", "https://h?x"]
)
def test_what_is_not_an_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        checked_url(url, "a server")


def test_half_a_surrogate_does_not_make_json_broken(server: Echo, calling: Calling) -> None:
    answers(server, 200, b'{"title": "\\ud83d"}')
    assert calling.client.get("/a").data == {"title": "\ud83d"}
