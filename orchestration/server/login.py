"""The login that a web server asks for: a token that its owner reads from a file, kept by a browser as a cookie."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive

PATH = "/login"
TOKEN_FILE = "web_token"  # noqa: S105 - the file's name
BODY_LIMIT = 4096
POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
PAGE = """\
<!doctype html>
<html lang="en">
<title>Precedent: log in</title>
<h1>Log in</h1>
<p>{reason}</p>
<form method="post" action="/login">
<label>Token <input type="password" name="token" autocomplete="current-password" autofocus required></label>
<button>Log in</button>
</form>
</html>
"""
# A redirect would still count as sent by the page that the link stood on, and the strict cookie would stay behind.
WELCOME = '<!doctype html><html lang="en"><title>Precedent</title><p>Logged in. <a href="/">Go to the page</a>.</html>'


def read_token(home: Path) -> str:
    """The token of this installation; made at the first call, readable by its owner alone."""
    path = home / TOKEN_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    return read_token(home)


def login_link(home: Path) -> str:
    """What follows a server's address in the link that logs in."""
    return f"{PATH}?{urlencode({'token': read_token(home)})}"


class Login:
    """Who may pass: a browser with the cookie, or a program with the token as bearer."""

    def __init__(self, token: str) -> None:
        self._token = token
        # Another value than the token: who sees a cookie cannot send it as a bearer or make a link of it.
        self._session = hmac.new(token.encode(), b"session", hashlib.sha256).hexdigest()
        self._cookie = f"precedent_{hashlib.sha256(token.encode()).hexdigest()[:8]}"

    async def answer(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """The answer to a request that may not pass, or that logs in; None where it may pass."""
        scope = connection.scope
        if scope["type"] == "http" and scope["path"] == PATH:
            return self._enter(await _sent_token(Request(scope, receive)))
        if self._may_pass(connection):
            return None
        if scope.get("method") == "GET" and "text/html" in connection.headers.get("accept", ""):
            return RedirectResponse(PATH, 303)
        return PlainTextResponse("Log in first, or send the token as `Authorization: Bearer`.\n", 401)

    def _may_pass(self, connection: HTTPConnection) -> bool:
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(token.strip(), self._token):
            return True
        return _same(connection.cookies.get(self._cookie, ""), self._session)

    def _enter(self, token: str | None) -> Response:
        if token is None or not _same(token, self._token):
            reason = "The token is in the link that <code>precedent up</code> prints."
            if token is not None:
                reason = f"This is not the token. {reason}"
            answer: Response = HTMLResponse(PAGE.format(reason=reason), 200 if token is None else 401)
        else:
            answer = HTMLResponse(WELCOME, headers={"Refresh": "0; url=/"})
            answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        answer.headers.update(
            {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        )
        return answer


async def _sent_token(request: Request) -> str | None:
    if request.method != "POST":
        return QueryParams(request.scope["query_string"]).get("token")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("token", [""])[0]


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
