"""Sources: how far each has come, and what of it could not be read."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.gate.permission import TenantAccess, needs
from hub.web.navigation import address
from hub.web.pages import Visit, page
from precedent.access.roles import Role
from precedent.errors import NotFoundError
from precedent.sources import repository
from precedent.sources.sync import rejections

router = APIRouter(include_in_schema=False)
REJECTED = 50


@router.get("/t/{tenant}/sources", **needs(Role.VIEWER))
def sources(request: Request, visit: Visit) -> Response:
    """The sources, by name."""
    return page(request, "sources.html", {"sources": visit.tenant.sources()}, visit=visit)


@router.get("/t/{tenant}/sources/{source}", **needs(Role.VIEWER))
def one(request: Request, visit: Visit, source: str) -> Response:
    """One source: its state, its rows by layer, and what was rejected."""
    status = next((found for found in visit.tenant.sources() if found.name == source), None)
    if status is None:
        raise NotFoundError(f"{visit.tenant.name} has no source {source!r}.")
    row = repository.get(visit.platform.database, f"{visit.tenant.name}/{source}")
    with visit.platform.database.bulk(visit.tenant.id) as connection:
        rejected = rejections.list(connection, row.id, REJECTED)
    layers = (
        ("records", sum(status.raw.values())),
        ("documents", status.documents),
        ("passages", status.chunks),
        ("with a vector", status.embedded),
    )
    values = {
        "source": status,
        "layers": layers,
        "rejected": rejected,
        "may_change": visit.role.may_act_as(Role.OPERATOR),
    }
    return page(request, "source.html", values, visit=visit)


@router.post("/t/{tenant}/sources/{source}/pause", **needs(Role.OPERATOR))
def pause(visit: Visit, source: str) -> Response:
    """Leave a source alone."""
    return _set_paused(visit, source, paused=True)


@router.post("/t/{tenant}/sources/{source}/resume", **needs(Role.OPERATOR))
def resume(visit: Visit, source: str) -> Response:
    """Ask a source again."""
    return _set_paused(visit, source, paused=False)


def _set_paused(visit: TenantAccess, source: str, *, paused: bool) -> Response:
    repository.set_paused(visit.platform.database, f"{visit.tenant.name}/{source}", paused=paused)
    return RedirectResponse(address(visit.tenant.name, f"/sources/{source}"), HTTPStatus.SEE_OTHER)
