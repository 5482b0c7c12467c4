"""What a sync does when GitHub, or what stands between, does not answer as it should."""

import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from precedent.errors import ActionRequired, NotThere, RetryLater, SourceFault, UsageError
from precedent.sources.kinds.github.auth import GitHubAuth
from precedent.testing.loopback import Request, Response
from tests.servers.github import GitHubServer
from tests.unit.sources.live.github_reading import Store, opened, read

TOKEN = "ghp_a_token_of_this_test_alone"  # noqa: S105 - nobody's
Broken = Callable[[GitHubServer], None]


@pytest.fixture
def server() -> Iterator[GitHubServer]:
    with GitHubServer() as started:
        for number in range(1, 4):
            started.repository.add_issue(pull=number == 2)
        started.repository.add_comment(1)
        started.repository.add_commit()
        yield started


@pytest.fixture(scope="module")
def key() -> tuple[str, str]:
    """A private key and its public one, PEM."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def refused(status: int, message: str = "No") -> Broken:
    return lambda server: server.fail("status", times=99, response=Response({"message": message}, status))


@pytest.mark.parametrize(
    ("broken", "code", "words"),
    [
        (refused(401), "unauthorized", "refuses the credentials"),
        (refused(403, "Resource not accessible"), "forbidden", "Resource not accessible"),
        (refused(404), "not_found", "has no repository octo/demo"),
        (refused(422, "Validation Failed"), "refused", "Validation Failed"),
        (refused(451), "refused", "451"),
        (lambda server: server.fail("html", times=99), "not_json", "web page instead of JSON"),
    ],
)
def test_what_repeating_does_not_mend_needs_attention(
    server: GitHubServer, broken: Broken, code: str, words: str
) -> None:
    broken(server)
    with pytest.raises(ActionRequired, match=words) as caught:
        read(server, Store())
    assert (caught.value.code, caught.value.whole) == (code, True)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (refused(500), "server_error"),
        (lambda server: server.fail("reset", times=99), "unreachable"),
        (lambda server: server.fail("cut", times=99), "cut_answer"),
    ],
)
def test_trouble_that_lasts_is_waited_for(server: GitHubServer, broken: Broken, code: str) -> None:
    broken(server)
    with pytest.raises(RetryLater) as caught:
        read(server, Store())
    assert (caught.value.code, caught.value.until) == (code, server.clock.at + timedelta(minutes=5))


@pytest.mark.parametrize("kind", ["status", "reset", "cut", "html"])
def test_trouble_that_passes_is_not_noticed(server: GitHubServer, kind: str) -> None:
    store, slept = Store(), list[float]()
    server.fail(kind, only=lambda asked: asked.path.endswith("/pulls/2"))
    read(server, store, slept=slept)
    assert "octo/demo#2" in store.ids()
    assert slept == [1.0]


def test_an_encoding_that_is_broken_is_trouble(server: GitHubServer) -> None:
    broken = Response(b"no gzip", headers={"Content-Encoding": "gzip"})
    server.fail("status", only=lambda asked: asked.path.endswith("/pulls/2"), response=broken)
    store = Store()
    read(server, store)
    assert "octo/demo#2" in store.ids()


def test_the_primary_limit_is_sat_out_where_it_ends_soon(server: GitHubServer) -> None:
    slept: list[float] = []
    server.budget, server.resets = 0, server.clock.at + timedelta(seconds=30)

    def let_time_pass(_: Request) -> None:
        if slept:
            server.clock.at, server.budget = server.resets, None

    server.before = let_time_pass
    store = Store()
    read(server, store, slept=slept)
    assert slept == [31.0]
    assert "octo/demo#1" in store.ids()


def test_a_primary_limit_that_lasts_ends_the_sync_until_it_is_over(server: GitHubServer) -> None:
    slept: list[float] = []
    server.budget, server.resets = 0, server.clock.at + timedelta(minutes=40)
    with pytest.raises(RetryLater, match="limits requests") as caught:
        read(server, Store(), slept=slept)
    assert caught.value.until == server.resets + timedelta(seconds=1)
    assert slept == []


@pytest.mark.parametrize("status", [403, 429])
def test_a_short_secondary_limit_is_sat_out(server: GitHubServer, status: int) -> None:
    slept: list[float] = []
    server.limit(status, 7)
    store = Store()
    read(server, store, slept=slept)
    assert slept == [7.0]
    assert "octo/demo#1" in store.ids()


def test_a_long_secondary_limit_ends_the_sync_until_it_is_over(server: GitHubServer) -> None:
    server.limit(429, 900)
    with pytest.raises(RetryLater) as caught:
        read(server, Store())
    assert caught.value.until == server.clock.at + timedelta(minutes=15)


def test_issues_that_are_switched_off_leave_the_other_streams_readable(server: GitHubServer) -> None:
    server.repository.issues_enabled = False
    with pytest.raises(NotThere) as caught:
        read(server, Store(), "issues")
    assert (caught.value.status, caught.value.whole) == (410, False)
    store = Store()
    read(server, store, "commits")
    assert store.ids() == sorted(server.repository.commits)


def test_deployments_that_may_not_be_seen_are_a_fault_of_their_stream(server: GitHubServer) -> None:
    server.fail("status", times=99, only=lambda asked: asked.path.endswith("/deployments"), response=Response({}, 404))
    with pytest.raises(NotThere) as caught:
        read(server, Store(), "deployments")
    assert not caught.value.whole


def test_a_list_that_always_fails_leaves_the_other_streams_readable(server: GitHubServer) -> None:
    server.fail(
        "status",
        times=99,
        only=lambda asked: asked.query.get("per_page") == "100",
        response=Response({}, 500),
    )
    store = Store()
    with pytest.raises(RetryLater) as caught:
        read(server, store, "comments")
    assert not caught.value.whole


def test_endless_redirects_need_attention(server: GitHubServer) -> None:
    to_itself = Response({}, 301, {"Location": f"{server.url}/repos/octo/demo"})
    server.fail("status", times=99, response=to_itself)
    with pytest.raises(ActionRequired) as caught:
        read(server, Store())
    assert caught.value.code == "redirect_loop"


def test_a_redirect_to_another_host_is_not_followed(server: GitHubServer) -> None:
    with GitHubServer() as other:
        away = Response({}, 301, {"Location": f"{other.url}/repos/octo/demo"})
        server.fail("status", response=away)
        with opened(server, auth=GitHubAuth(token=TOKEN)) as source, pytest.raises(ActionRequired) as caught:
            source.probe()
        assert server.requests[0].headers["authorization"] == f"token {TOKEN}"
        assert (caught.value.code, other.requests) == ("foreign_link", [])


def test_an_unreachable_server_is_waited_for() -> None:
    with GitHubServer() as server:
        address = server.url
    with opened(server, base_url=address) as source, pytest.raises(RetryLater) as caught:
        source.probe()
    assert caught.value.code == "unreachable"


def test_an_app_reads_with_the_token_of_its_installation(server: GitHubServer, key: tuple[str, str]) -> None:
    server.app = ("4711", 42, key[1])
    store = Store()
    read(server, store, auth=GitHubAuth(app_id="4711", installation_id=42, private_key=key[0]))
    assert "octo/demo#1" in store.ids()
    assert sum(asked.method == "POST" for asked in server.requests) == 1


@pytest.mark.parametrize(("app", "installation"), [("9", 42), ("4711", 9)])
def test_an_app_that_gets_no_token_needs_attention(
    server: GitHubServer, key: tuple[str, str], app: str, installation: int
) -> None:
    server.app = ("4711", 42, key[1])
    with pytest.raises(ActionRequired, match="GitHub App cannot be used") as caught:
        read(server, Store(), auth=GitHubAuth(app_id=app, installation_id=installation, private_key=key[0]))
    assert caught.value.code == "unauthorized"


def test_a_private_key_that_is_none_needs_attention(server: GitHubServer) -> None:
    auth = GitHubAuth(app_id="1", installation_id=2, private_key="-----BEGIN NONSENSE-----")
    with pytest.raises(ActionRequired, match="not an RSA key in PEM form"), opened(server, auth=auth):
        pass


@pytest.mark.parametrize("kind", ["unauthorized", "reset", "limited", "app"])
def test_no_credential_is_in_any_text_of_an_error(server: GitHubServer, key: tuple[str, str], kind: str) -> None:
    server.token = "another"  # noqa: S105 - nobody's
    auth = GitHubAuth(token=TOKEN)
    if kind == "app":
        server.app, auth = ("1", 2, key[1]), GitHubAuth(app_id="9", installation_id=2, private_key=key[0])
    elif kind == "reset":
        server.fail("reset", times=99)
    elif kind == "limited":
        server.limit(403, 900)
    with pytest.raises(SourceFault) as caught:
        read(server, Store(), auth=auth)
    told = "".join(traceback.format_exception(caught.value)) + repr(auth) + repr(caught.value)
    assert TOKEN not in told
    assert key[0][40:80] not in told
    assert not _chained(caught.value, "httpx2", "httpcore2", "jwt")


def _chained(error: BaseException | None, *modules: str) -> list[BaseException]:
    """Errors behind this one that come from a client library, and so hold its request."""
    found = []
    while error is not None:
        if type(error).__module__.partition(".")[0] in modules:
            found.append(error)
        error = error.__cause__ or error.__context__
    return found


@pytest.mark.parametrize(
    "values", [{"app_id": "1"}, {"token": "t", "app_id": "1", "installation_id": 2, "private_key": "k"}]
)
def test_credentials_are_a_token_or_a_whole_app(values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        GitHubAuth(**values)  # type: ignore[arg-type]
