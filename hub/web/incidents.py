"""Incidents: the list, and one with what to do about it."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.gate.permission import TenantAccess, needs
from hub.web.navigation import address
from hub.web.pages import Visit, page
from precedent.access.roles import Role
from precedent.incidents import listing, repository

router = APIRouter(include_in_schema=False)
PAGE = 50
Word = Annotated[str, Query(max_length=2_000)]
Field = Annotated[str, Form(max_length=2_000)]


@router.get("/t/{tenant}/incidents", **needs(Role.VIEWER))
def incidents(
    request: Request,
    visit: Visit,
    q: Word = "",
    only_open: Annotated[bool, Query(alias="open")] = False,
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """The incidents, the newest first."""
    with visit.platform.database.bulk(visit.tenant.id) as connection:
        found = listing.list(
            connection, visit.tenant.id, only_open=only_open, text=q, limit=PAGE + 1, offset=(number - 1) * PAGE
        )
    values = {"q": q, "only_open": only_open, "page": number, "more": len(found) > PAGE, "incidents": found[:PAGE]}
    return page(request, "incidents.html", values, visit=visit)


@router.get("/t/{tenant}/incident", **needs(Role.VIEWER))
def incident(request: Request, visit: Visit, id: Word, source: Word = "") -> Response:
    """One incident: what happened, what to do, and why."""
    document = visit.tenant.searcher.document(id, source=source or None, kind="incident")
    with visit.platform.database.bulk(visit.tenant.id) as connection:
        analysis = repository.latest(connection, document.source_id, id)
    values = {"document": document, "analysis": analysis, "may_ask": visit.role.may_act_as(Role.OPERATOR)}
    return page(request, "incident.html", values, visit=visit)


@router.post("/t/{tenant}/incident", **needs(Role.OPERATOR))
def analyse(visit: Visit, id: Field, source: Field) -> Response:
    """Analyse an incident now, although nothing may have changed."""
    visit.tenant.recommend(id, source=source, again=True)
    return RedirectResponse(_address(visit, id, source), HTTPStatus.SEE_OTHER)


def _address(visit: TenantAccess, external_id: str, source: str) -> str:
    return address(visit.tenant.name, f"/incident?{urlencode({'id': external_id, 'source': source})}")
