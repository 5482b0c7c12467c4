"""The hub as one ASGI application."""

from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from hub import problems
from hub.api import audit, dashboards, items, members, providers, sources, tenants, tokens, usage
from hub.gate.gate import Gate
from hub.gate.hosts import AllowedHosts
from hub.gate.identity import identify
from hub.gate.permission import needs, platform_access, tenant_access
from hub.metrics import Counted, Metrics
from hub.settings import HubSettings
from hub.web import configuration, home, incidents, search, sign_in
from hub.web import settings as settings_pages
from hub.web import sources as web_sources
from hub.web.pages import STATIC, problem_page
from precedent.access.roles import Role
from precedent.database.inspection import versions
from precedent.errors import PrecedentError
from precedent.platform import Platform

API = "/api/v1"
# What a tenant has of its own, and the platform as a whole has too.
SCOPED = (members, tokens, audit)
PAGES = (home, sign_in, search, incidents, web_sources, configuration, settings_pages)


def create(platform: Platform, settings: HubSettings) -> "Hub":
    """The hub of an open platform.

    Args:
        platform: The platform.
        settings: How the hub is reached.
    """
    app = Hub(
        title="Precedent",
        summary="Incidents, what happened before, and what to do about it.",
        version=version("precedent"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # those pages would load their scripts from another host
        redoc_url=None,
        generate_unique_id_function=_operation,
        redirect_slashes=False,
    )
    app.state.platform, app.state.settings = platform, settings
    app.state.metrics = Metrics(platform)
    problems.install(app, problem_page)
    app.include_router(_interface(), prefix=API)
    app.include_router(_operations())
    for module in PAGES:
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Counted, metrics=app.state.metrics)
    # The last one that is added is the first that a request meets.
    hosts = AllowedHosts.of(settings.host, settings.names)
    app.add_middleware(Gate, hosts=hosts, identify=partial(identify, platform.database, settings))
    return app


class Hub(FastAPI):
    """FastAPI whose document has what no single operation says: problems, and how a program says who it is."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            components = super().openapi().setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update({**problem.pop("$defs", {}), "Problem": problem})
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            super().openapi()["security"] = [{"token": []}]
        return super().openapi()


def _interface() -> APIRouter:
    made = APIRouter()
    made.include_router(tenants.router)
    made.include_router(dashboards.router)
    of_tenant = APIRouter(prefix="/tenants/{tenant}")
    for module in (sources, providers, usage, items):
        of_tenant.include_router(module.router)
    of_platform = APIRouter(prefix="/platform")
    for scoped in SCOPED:
        of_tenant.include_router(scoped.router(tenant_access, Role.ADMIN, "tenant"))
        of_platform.include_router(scoped.router(platform_access, Role.PLATFORM, "platform"))
    made.include_router(of_tenant)
    made.include_router(of_platform)
    return made


def _operations() -> APIRouter:
    """What those ask that keep the hub running."""
    made = APIRouter(tags=["operations"])

    @made.get("/healthz", response_class=PlainTextResponse)
    def health() -> str:
        """Whether the process lives."""
        return "ok"

    @made.get("/readyz")
    def ready(request: Request) -> Response:
        """Whether the database answers."""
        try:
            versions(request.app.state.platform.database)
        except PrecedentError as error:
            return problems.answer(request, 503, str(error))
        return JSONResponse({"ready": True})

    @made.get("/metrics", response_class=PlainTextResponse, **needs(Role.PLATFORM))
    def metrics(request: Request) -> Response:
        """Figures for Prometheus; it sends a token of the platform."""
        platform_access(request)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(request.app.state.metrics.text(), media_type=kind)

    return made


def _operation(route: APIRoute) -> str:
    return route.name
