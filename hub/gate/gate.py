"""What every request passes before anything is done for it: its name and origin, its size, and who sends it."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.gate.hosts import AllowedHosts
from hub.gate.origin import foreign
from hub.problems import MEDIA_TYPE, Problem
from precedent.access.caller import Caller
from precedent.database.actor import Actor, acting
from precedent.errors import PrecedentError

BODY_LIMIT = 1_000_000
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Scripts, styles and pictures come from this server alone, and no other page shows ours in a frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Under `no-referrer` a browser sends our own forms with the origin `null`, like those of a stranger.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Asked often, by machines, of nobody's rows.
WITHOUT_CALLER = ("/healthz", "/readyz", "/static/")
Identify = Callable[[HTTPConnection], Caller | None]
logger = logging.getLogger("hub.requests")


class Gate:
    """An application behind these checks; it finds the caller in `request.state.caller`.

    The contents of the request state: `request_id`, and `caller`, which is None for a stranger.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, identify: Identify, body_limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._hosts = hosts
        self._identify = identify
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        connection = HTTPConnection(scope)
        request_id = _request_id(connection)
        state = scope.setdefault("state", {})
        state["request_id"], state["caller"] = request_id, None
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._answer(connection, scope, _bounded(receive, self._limit), sending)
        finally:
            _log(scope, status, (time.perf_counter() - began) * 1000)

    async def _answer(self, connection: HTTPConnection, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope["state"]["request_id"]
        reason = foreign(connection, self._hosts)
        if reason:
            await _problem(HTTPStatus.FORBIDDEN, reason, request_id)(scope, receive, send)
            return
        caller = None
        if not scope["path"].startswith(WITHOUT_CALLER):
            try:
                caller = await run_in_threadpool(self._identify, connection)
            except PrecedentError as error:  # the database is gone
                await _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), request_id)(scope, receive, send)
                return
        scope["state"]["caller"] = caller
        address = scope["client"][0] if scope.get("client") else None
        actor = Actor(caller.kind if caller else "stranger", caller.name if caller else "unknown", address, request_id)
        with acting(actor):
            await self._app(scope, receive, send)


def _request_id(connection: HTTPConnection) -> str:
    """The id that a proxy has given the request, or one of our own."""
    given = connection.headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _bounded(receive: Receive, limit: int) -> Receive:
    """The body, which ends with an error as soon as it is larger than the limit, whatever its header says."""
    size = 0

    async def receiving() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {limit:,} bytes.")
        return message

    return receiving


def _problem(status: HTTPStatus, detail: str, request_id: str) -> Response:
    problem = Problem(title=status.phrase, status=status, detail=detail, request=request_id)
    return Response(problem.model_dump_json(), status, media_type=MEDIA_TYPE)


def _log(scope: Scope, status: int, milliseconds: float) -> None:
    """One line of JSON; the query is no part of it, because a link that signs in stands there."""
    caller: Caller | None = scope["state"].get("caller")
    logger.info(
        "%s",
        json.dumps(
            {
                "request": scope["state"]["request_id"],
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(milliseconds, 1),
                "caller": f"{caller.kind}:{caller.name}" if caller else None,
            }
        ),
    )
