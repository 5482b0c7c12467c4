"""Signing in by a link, and signing out.

The link opens a page with one button: a program that only looks at links, as those of mail and chat do, uses none up.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.gate.identity import cookie_name
from hub.settings import SIGN_IN, HubSettings
from hub.web.pages import page
from precedent.access import audit, sessions
from precedent.access.caller import Caller
from precedent.database.session import Database

router = APIRouter(include_in_schema=False)
Link = Annotated[str, Form(max_length=100)]


@router.get(SIGN_IN)
def show(request: Request, link: str = "") -> Response:
    """The page of a link, or what to do without one."""
    return page(request, "sign_in.html", {"link": link[:100], "failed": False})


@router.post(SIGN_IN)
def sign_in(request: Request, link: Link = "") -> Response:
    """Sign in by a link, which is good for once."""
    database: Database = request.app.state.platform.database
    settings: HubSettings = request.app.state.settings
    name = sessions.take_link(database, link)
    if name is None:
        audit.record(database, None, "refused", "sign-in", "link")
        return page(request, "sign_in.html", {"link": "", "failed": True}, status=HTTPStatus.FORBIDDEN)
    address = request.client.host if request.client else None
    secret = sessions.add(database, name, address, request.headers.get("user-agent"))
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        cookie_name(settings),
        secret,
        max_age=int(sessions.LIFETIME.total_seconds()),
        httponly=True,
        secure=settings.secure,
        samesite="lax",
        path="/",
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    caller: Caller | None = request.state.caller
    if caller is not None and caller.session is not None:
        sessions.delete(request.app.state.platform.database, caller.name, caller.session)
    answer = RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
    answer.delete_cookie(cookie_name(request.app.state.settings), path="/")
    return answer
