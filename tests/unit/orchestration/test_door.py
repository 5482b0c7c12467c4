"""What the door before Dagster's page refuses, and what passes."""

import asyncio
import stat
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from hub.gate.hosts import AllowedHosts, is_loopback
from orchestration.server.address import Address
from orchestration.server.door import Door
from orchestration.server.login import Login, login_link, read_token

HOST = "127.0.0.1:3000"
JSON = {"content-type": "application/json"}
PASSED = 204
EVERYWHERE = str(IPv4Address(0))


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands for Dagster, which obeys everybody."""
    start = "websocket.http.response.start" if scope["type"] == "websocket" else "http.response.start"
    await send({"type": start, "status": PASSED, "headers": []})


def ask(
    door: Door,
    method: str = "GET",
    target: str = "/",
    headers: dict[str, str] | list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer; the method WS is the handshake of a WebSocket."""
    path, _, query = target.partition("?")
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers or ())
    if not any(name == "host" for name, _ in pairs):
        pairs.append(("host", HOST))
    scope: dict[str, Any] = {
        "type": "websocket" if method == "WS" else "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
    }
    if method != "WS":
        scope["method"] = method
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(door(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.fixture
def door() -> Door:
    return Door(page, AllowedHosts.of("127.0.0.1"))


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/assets?query=lost", {}),
        ("GET", "/", {"host": "localhost:3000"}),
        ("GET", "/", {"host": "[::1]:3000"}),
        ("GET", "/", {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}),
        ("GET", "/runs", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}),
        ("GET", "/main.js", {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors"}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql?op=Runs", {"content-type": "application/json; charset=utf-8"}),
        ("POST", "/graphql", {**JSON, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}),
        ("WS", "/graphql", {"origin": f"http://{HOST}"}),
        ("WS", "/graphql", {}),
    ],
)
def test_own_pages_and_programs_pass(door: Door, method: str, target: str, headers: dict[str, str]) -> None:
    assert ask(door, method, target, headers)[0] == PASSED


FOREIGN = {"origin": "http://evil.example"}


@pytest.mark.parametrize(
    ("method", "target", "headers", "says"),
    [
        ("GET", "/", {"host": "evil.example"}, "name in the address"),
        ("GET", "/", {"host": "127.0.0.1.evil.example:3000"}, "name in the address"),
        ("GET", "/", {"host": "192.168.1.5:3000"}, "name in the address"),
        ("GET", "/", {"host": "evil.example@127.0.0.1"}, "name in the address"),
        ("GET", "/", {"host": ""}, "name in the address"),
        ("GET", "/", [("host", HOST), ("host", "evil.example")], "name in the address"),
        ("WS", "/graphql", {"host": "evil.example", "origin": "http://evil.example"}, "name in the address"),
        ("POST", "/graphql", {**JSON, **FOREIGN}, "another web page"),
        ("POST", "/graphql", {**JSON, "origin": "null"}, "another web page"),
        ("POST", "/graphql", {**JSON, "origin": "http://127.0.0.1:8000"}, "another web page"),
        ("POST", "/graphql", {**JSON, "origin": "http://localhost:3000"}, "another web page"),
        ("POST", "/graphql", {**JSON, "sec-fetch-site": "cross-site"}, "another web page"),
        ("POST", "/graphql", {**JSON, "sec-fetch-site": "same-site"}, "another web page"),
        ("POST", "/graphql", [*JSON.items(), ("origin", f"http://{HOST}"), *FOREIGN.items()], "another web page"),
        (
            "POST",
            "/graphql",
            {**JSON, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            "another web page",
        ),
        ("OPTIONS", "/graphql", FOREIGN, "another web page"),
        ("GET", "/server_info", FOREIGN, "another web page"),
        ("GET", "/main.js", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "another web page"),
        (
            "GET",
            "/",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            "another web page",
        ),
        ("WS", "/graphql", FOREIGN, "another web page"),
        ("WS", "/graphql", {"sec-fetch-site": "cross-site"}, "another web page"),
        ("POST", "/graphql", {"content-type": "text/plain"}, "application/json"),
        ("POST", "/graphql", {"content-type": "text/plain; a=application/json"}, "application/json"),
        ("POST", "/graphql", {"content-type": "application/graphql"}, "application/json"),
        ("POST", "/graphql", {}, "application/json"),
        ("POST", "/graphql", [*JSON.items(), ("content-type", "text/plain")], "application/json"),
        ("POST", "/report_asset_materialization/raw", {"content-type": "text/plain"}, "application/json"),
        ("DELETE", "/", {}, "application/json"),
        ("POST", "/graphql?query=mutation", JSON, "not in the URL"),
        ("GET", "/graphql?query=mutation", {"accept": "*/*"}, "not in the URL"),
        ("GET", "/graphql\n?query=mutation", {}, "not in the URL"),
        ("HEAD", "/graphql?a=b&query=mutation", {}, "not in the URL"),
    ],
)
def test_what_a_foreign_page_can_send_is_refused_with_a_sentence(
    door: Door, method: str, target: str, headers: dict[str, str], says: str
) -> None:
    status, _, text = ask(door, method, target, headers)
    assert status in (403, 405, 415)
    assert says in text
    assert text.strip().endswith((".", "`."))


def test_no_other_page_shows_ours_in_a_frame(door: Door) -> None:
    _, headers, _ = ask(door)
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("address", "names", "host", "allowed"),
    [
        (EVERYWHERE, (), "192.168.1.5:3000", True),
        (EVERYWHERE, (), "evil.example", False),
        (EVERYWHERE, ("precedent.example.org",), "Precedent.example.org", True),
        ("192.168.1.5", (), "192.168.1.5:3000", True),
        ("192.168.1.5", (), "192.168.1.6:3000", False),
        ("::", (), "[fd00::5]:3000", True),
    ],
)
def test_hosts_of_a_server_that_others_can_reach(
    address: str, names: tuple[str, ...], host: str, allowed: bool
) -> None:
    assert AllowedHosts.of(address, names).allow(host) is allowed


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in (EVERYWHERE, "::", "", "192.168.1.5", "localhost.evil.example", "box")],
)
def test_only_loopback_addresses_need_no_login(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


def test_login_by_link_form_and_bearer(tmp_path: Path) -> None:
    token = read_token(tmp_path)
    assert len(token) > 40
    assert read_token(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "web_token").stat().st_mode) == 0o600
    door = Door(page, AllowedHosts.of("127.0.0.1"), Login(token))

    for method, target, headers in [
        ("GET", "/", {}),
        ("GET", "/main.js", {}),
        ("POST", "/graphql", JSON),
        ("WS", "/graphql", {"origin": f"http://{HOST}"}),
        ("GET", "/", {"authorization": "Bearer wrong"}),
        ("GET", "/", {"authorization": f"Basic {token}"}),
        ("GET", "/", {"authorization": "Bearer ÿ"}),
    ]:
        assert ask(door, method, target, headers)[0] == 401, (method, target, headers)
    assert ask(door, headers={"authorization": f"Bearer {token}"})[0] == PASSED
    status, headers, _ = ask(door, headers={"accept": "text/html"})
    assert (status, headers["location"]) == (303, "/login")

    assert ask(door, target="/login?token=wrong")[0] == 401
    assert ask(door, "POST", "/login", FOREIGN, f"token={token}".encode())[0] == 403
    status, headers, text = ask(door, target=login_link(tmp_path))
    assert status == 200
    assert token not in text
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie
    pair = cookie.partition(";")[0]
    assert ask(door, headers={"cookie": pair})[0] == PASSED
    assert ask(door, "WS", "/graphql", {"cookie": pair, "origin": f"http://{HOST}"})[0] == PASSED
    assert ask(door, "WS", "/graphql", {"cookie": pair, **FOREIGN})[0] == 403
    assert ask(door, "POST", "/graphql", {"cookie": pair, "content-type": "text/plain"})[0] == 415

    status, headers, _ = ask(door, "POST", "/login", body=f"token={token}".encode())
    assert (status, headers["set-cookie"]) == (200, cookie)
    assert ask(door, "POST", "/login", body=b"token=" + b"x" * 10_000)[0] == 401


def test_the_address_for_people() -> None:
    assert Address("127.0.0.1", 3000).url == "http://127.0.0.1:3000"
    assert Address("::1", 3000).url == "http://[::1]:3000"
    assert Address(EVERYWHERE, 80, ("precedent.example.org",)).url == "http://precedent.example.org:80"
