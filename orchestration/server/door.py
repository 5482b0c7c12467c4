"""The door before Dagster's web server, which itself asks for no login and obeys whoever can send it a request.

Dagster answers any `Host` and any `Origin`, takes a mutation from the URL and from a body of `text/plain`, which every
page in a browser may send anywhere. The door lets through what comes from its own pages and from programs.
"""

from starlette.datastructures import MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.gate.hosts import AllowedHosts
from hub.gate.origin import READING, foreign
from orchestration.server.login import Login

# No other page may show ours in a frame, where a click meant for it would land on ours, or load it as a resource.
HEADERS = {"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin"}


class Door:
    """Dagster's page behind checks of host, origin, content type and, where there is one, login."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, login: Login | None = None) -> None:
        self._app = app
        self._hosts = hosts
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand the request on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        reason = foreign(connection, self._hosts)
        answer = _refuse(reason) if reason else None
        if answer is None and self._login is not None:
            answer = await self._login.answer(connection, receive)
        answer = answer or _content(connection)
        await (answer or self._app)(scope, receive, _with_headers(send))


def _content(connection: HTTPConnection) -> Response | None:
    scope = connection.scope
    if scope["type"] == "websocket":
        return None
    # Its route also matches a line break at the end, and it takes a mutation from a URL that is only read.
    if scope["path"].startswith("/graphql") and "query" in QueryParams(scope["query_string"]):
        return _refuse("A GraphQL query stands in the body of a POST, not in the URL.", 405)
    kinds = [kind.partition(";")[0].strip().lower() for kind in connection.headers.getlist("content-type")]
    if scope["method"] not in READING and kinds != ["application/json"]:
        return _refuse("A request that may change something has the content type application/json.", 415)
    return None


def _refuse(sentence: str, status: int = 403) -> Response:
    return PlainTextResponse(f"{sentence}\n", status)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await send(message)

    return sending
