"""What all pages share: templates, and what stands around each."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from precedent.access import caller as callers
from precedent.access.caller import Caller

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")


def page(request: Request, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
    """A page.

    Args:
        request: What it answers.
        template: Its file.
        values: What the template shows; every value is escaped.
        status: The answer's status.
    """
    caller: Caller | None = request.state.caller
    known = callers.memberships(request.app.state.platform.database, caller) if caller else ()
    text = _environment().get_template(template).render(**values, caller=caller, memberships=known)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
