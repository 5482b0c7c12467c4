"""The first page: the tenants of whoever is signed in, and what needs attention in each."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.settings import SIGN_IN
from hub.web.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> Response:
    """The first page; a stranger is asked to sign in."""
    if request.state.caller is None:
        return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
    return page(request, "home.html", {})
