"""Members, tokens and the audit log of a tenant."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.gate.permission import needs
from hub.web.pages import Visit, page
from precedent.access import audit, members, tokens
from precedent.access.audit import Question
from precedent.access.roles import Role

router = APIRouter(include_in_schema=False)
ENTRIES = 100


@router.get("/t/{tenant}/members", **needs(Role.VIEWER))
def list_members(request: Request, visit: Visit) -> Response:
    """The people of the tenant."""
    found = members.list(visit.platform.database, visit.tenant.id)
    return page(request, "members.html", {"members": found}, visit=visit)


@router.get("/t/{tenant}/tokens", **needs(Role.ADMIN))
def list_tokens(request: Request, visit: Visit) -> Response:
    """The keys of programs; never themselves."""
    found = tokens.list(visit.platform.database, visit.tenant.id)
    return page(request, "tokens.html", {"tokens": found}, visit=visit)


@router.get("/t/{tenant}/audit", **needs(Role.ADMIN))
def show_audit(
    request: Request,
    visit: Visit,
    q: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> Response:
    """Who did what, the newest first."""
    question = Question(text=q or None)
    found = audit.list(visit.platform.database, visit.tenant.id, question, limit=ENTRIES + 1, before_id=before)
    following = found[ENTRIES - 1].id if len(found) > ENTRIES else None
    values = {"entries": found[:ENTRIES], "q": q, "following": following}
    return page(request, "audit.html", values, visit=visit)
