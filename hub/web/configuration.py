"""Providers, and what they have used and cost."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.gate.permission import needs
from hub.web.pages import Visit, page
from precedent.access.roles import Role

router = APIRouter(include_in_schema=False)
PERIODS = {"1d": "24h", "7d": "7d", "30d": "30d", "90d": "90d"}
GROUPS = ("provider", "model", "asset", "day", "operation")


@router.get("/t/{tenant}/providers", **needs(Role.VIEWER))
def providers(request: Request, visit: Visit) -> Response:
    """The providers, and what serves a capability without one."""
    return page(request, "providers.html", {"providers": visit.tenant.providers()}, visit=visit)


@router.get("/t/{tenant}/usage", **needs(Role.VIEWER))
def usage(
    request: Request,
    visit: Visit,
    period: Annotated[str, Query(alias="range", max_length=10)] = "7d",
    by: Annotated[str, Query(max_length=20)] = "provider",
) -> Response:
    """What calls have used and cost, and this month's budget."""
    chosen = period if period in PERIODS else "7d"
    group = by if by in GROUPS else "provider"
    values = {
        "usage": visit.tenant.usage(PERIODS[chosen], group),
        "period": chosen,
        "by": group,
        "periods": tuple(PERIODS),
        "groups_of_figures": GROUPS,
    }
    return page(request, "usage.html", values, visit=visit)
