"""Who the caller is, its tenants, and the tenants of the platform."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request

from hub.gate.permission import USUAL, Access, needs, platform_access, signed_in
from hub.problems import documented
from precedent.access import caller as callers
from precedent.access import sessions
from precedent.access.caller import Caller
from precedent.access.roles import Role
from precedent.tenants import tenants

router = APIRouter(tags=["tenants"])
Asked = Annotated[Access, Depends(platform_access)]
Myself = Annotated[Caller, Depends(signed_in)]
OF_EVERYBODY: dict[str, Any] = {"responses": documented(*USUAL)}


class MembershipView(BaseModel):
    """A tenant in which the caller may do something."""

    tenant: str
    role: Role


class Me(BaseModel):
    """Who asks."""

    name: str
    kind: str = Field(description="member or token.")
    tenants: list[MembershipView]


class TenantView(BaseModel):
    """A tenant."""

    name: str = Field(description="Lower-case letters, digits, '-', '_' and '.'.", examples=["payments"])


class SessionView(BaseModel):
    """A browser in which the caller is signed in."""

    id: int
    address: str | None
    browser: str | None
    created_at: datetime
    last_used_at: datetime
    current: bool = Field(description="Whether this request comes from it.")


@router.get("/me", **OF_EVERYBODY)
def get_me(request: Request, caller: Myself) -> Me:
    """Who the caller is, and what it may do in which tenant."""
    found = callers.memberships(request.app.state.platform.database, caller)
    return Me(
        name=caller.name,
        kind=caller.kind,
        tenants=[MembershipView(tenant=item.tenant, role=item.role) for item in found],
    )


@router.get("/me/sessions", **OF_EVERYBODY)
def list_sessions(request: Request, caller: Myself) -> list[SessionView]:
    """The browsers in which the caller is signed in; none for a token."""
    if caller.token is not None:
        return []
    found = sessions.list(request.app.state.platform.database, caller.name)
    return [
        SessionView(
            id=item.id,
            address=item.address,
            browser=item.browser,
            created_at=item.created_at,
            last_used_at=item.last_used_at,
            current=item.id == caller.session,
        )
        for item in found
    ]


@router.delete("/me/sessions/{number}", status_code=204, **OF_EVERYBODY)
def end_session(request: Request, caller: Myself, number: int) -> None:
    """Sign out of one browser; one that has ended already is no error."""
    if caller.token is None:
        sessions.delete(request.app.state.platform.database, caller.name, number)


@router.post("/tenants", status_code=201, **needs(Role.PLATFORM))
def add_tenant(asked: Asked, wanted: TenantView) -> TenantView:
    """Add a tenant; one that exists is left as it is."""
    return TenantView(name=tenants.add(asked.platform.database, wanted.name)[0].name)
