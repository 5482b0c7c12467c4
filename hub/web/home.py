"""The first page: what needs somebody now."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.gate.permission import TenantAccess, needs
from hub.settings import SIGN_IN
from hub.web.navigation import address
from hub.web.pages import Visit, page
from precedent.access import caller as callers
from precedent.access.roles import Role
from precedent.incidents import listing
from precedent.providers.health import HealthState
from precedent.tenants import budgets

router = APIRouter(include_in_schema=False)
NEARLY_SPENT = 0.8
MOST_INCIDENTS = 5


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that needs somebody.

    Attributes:
        state: How bad it is, as a state.
        sentence: What it is.
        action: What to do about it.
        href: Where that is done.
    """

    state: str
    sentence: str
    action: str
    href: str


@router.get("/")
def first(request: Request) -> Response:
    """The first tenant of whoever is signed in; a stranger is asked to sign in."""
    if request.state.caller is None:
        return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
    found = callers.memberships(request.app.state.platform.database, request.state.caller)
    if len(found) == 1:
        return RedirectResponse(address(found[0].tenant), HTTPStatus.SEE_OTHER)
    return page(request, "tenants.html", {})


@router.get("/t/{tenant}", **needs(Role.VIEWER))
def home(request: Request, visit: Visit) -> Response:
    """What needs somebody in a tenant, the gravest first, and four figures."""
    sources = visit.tenant.sources()
    with visit.platform.database.bulk(visit.tenant.id) as connection:
        money = budgets.get(connection)
    figures = {
        "documents": sum(source.documents for source in sources),
        "sources": len(sources),
        "rejected": sum(source.rejected for source in sources),
        "spent": money.spent_usd,
    }
    values = {"matters": [*_matters(visit)], "figures": figures, "budget": money, "has_sources": bool(sources)}
    return page(request, "home.html", values, visit=visit)


def _matters(visit: TenantAccess) -> Iterator[Matter]:
    name = visit.tenant.name
    with visit.platform.database.bulk(visit.tenant.id) as connection:
        incidents = listing.list(connection, visit.tenant.id, only_open=True, limit=MOST_INCIDENTS)
        money = budgets.get(connection)
    for incident in incidents:
        yield Matter(
            "open",
            f"{incident.title} ({incident.source})",
            "See what to do" if incident.analysis == "succeeded" else "Analyse it",
            address(name, f"/incident?{urlencode({'id': incident.external_id, 'source': incident.source})}"),
        )
    for source in visit.tenant.sources():
        if source.state == "needs_attention":
            said = f"The source {source.name} cannot be read: {source.reason or 'the reason is not known'}"
            yield Matter("needs_attention", said, "Look at it", address(name, f"/sources/{source.name}"))
    for view in visit.tenant.providers():
        if view.seen.state in (HealthState.OPEN, HealthState.FAILING):
            said = f"The provider {view.provider.name} is failing: {view.seen.error or view.seen.reason or 'no reason'}"
            yield Matter("failing", said, "Look at it", address(name, "/providers"))
    if money.share is not None and money.share >= NEARLY_SPENT:
        yield Matter(
            "failing", f"{money.share:.0%} of this month's budget is used.", "See on what", address(name, "/usage")
        )
