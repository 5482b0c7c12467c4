"""What all pages share: templates, what stands around each, and how an error is shown."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from hub.gate.permission import TenantAccess, tenant_access
from hub.settings import SIGN_IN
from hub.web import formats, navigation
from precedent.access import caller as callers
from precedent.access.caller import Caller

if TYPE_CHECKING:
    from jinja2 import Environment

    from hub.problems import Problem

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")
Visit = Annotated[TenantAccess, Depends(tenant_access)]


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    visit: TenantAccess | None = None,
    status: int = HTTPStatus.OK,
) -> Response:
    """A page.

    Args:
        request: What it answers.
        template: Its file.
        values: What the template shows; every value is escaped.
        visit: The tenant whose page it is; None for a page of no tenant.
        status: The answer's status.
    """
    caller: Caller | None = request.state.caller
    around = {
        "caller": caller,
        "memberships": callers.memberships(request.app.state.platform.database, caller) if caller else (),
        "tenant": visit.tenant.name if visit else None,
        "role": visit.role if visit else None,
        "groups": navigation.GROUPS,
        "here": request.url.path,
    }
    text = _environment().get_template(template).render({**around, **values})
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def problem_page(request: Request, problem: "Problem") -> Response | None:
    """A problem as a page for a browser; None for a program, which gets it as JSON."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return None
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
    # Without what stands around a page: that asks the database, which may be what is gone.
    text = _environment().get_template("problem.html").render(problem=problem, caller=None, tenant=None, memberships=())
    return HTMLResponse(text, problem.status, {"Cache-Control": "no-store"})


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        {
            "ago": formats.ago,
            "link": formats.link_or_none,
            "marked": formats.marked,
            "money": formats.money,
            "number": formats.number,
            "state": formats.state,
        }
    )
    made.globals["address"] = navigation.address
    return made
