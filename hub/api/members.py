"""Members: the people of a tenant, and the administrators of the platform."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.requests import Request

from hub.gate.permission import Access, needs
from hub.settings import sign_in_link
from precedent.access import audit, members, sessions
from precedent.access.members import Member
from precedent.access.roles import Role


class MemberView(BaseModel):
    """A person and the role it has."""

    name: str = Field(description="What the person signs in as.", examples=["anna@example.org"])
    role: Role
    since: datetime


class RoleChange(BaseModel):
    """The role that a person is to have."""

    role: Role = Field(description="In a tenant viewer, operator or admin; on the platform as a whole platform.")


class SignInLink(BaseModel):
    """A link by which a person signs in once, within a day."""

    url: str


def router(access: Callable[..., Access], least: Role, operation: str) -> APIRouter:
    """The operations on members, of a tenant or of the platform as a whole.

    Args:
        access: Who may: the dependency that finds the caller's role.
        least: The least role that may change something.
        operation: What the names of the operations begin with.
    """
    made = APIRouter(prefix="/members", tags=["members"])
    Asked = Annotated[Any, Depends(access)]

    @made.get("", **needs(Role.VIEWER if least is Role.ADMIN else least), operation_id=f"{operation}_list_members")
    def list_members(asked: Asked) -> list[MemberView]:
        """The members, by name."""
        return [_view(member) for member in members.list(asked.platform.database, asked.tenant_id)]

    @made.put("/{name}", **needs(least), operation_id=f"{operation}_save_member")
    def save_member(asked: Asked, name: str, change: RoleChange) -> MemberView:
        """Add a member, or give one another role; repeating it changes nothing."""
        return _view(members.save(asked.platform.database, asked.tenant_id, name, change.role))

    @made.delete("/{name}", status_code=204, **needs(least), operation_id=f"{operation}_remove_member")
    def remove_member(asked: Asked, name: str) -> None:
        """Remove a member; from its next request on it may do nothing here."""
        members.delete(asked.platform.database, asked.tenant_id, name)

    @made.post("/{name}/links", status_code=201, **needs(least), operation_id=f"{operation}_make_sign_in_link")
    def make_link(request: Request, asked: Asked, name: str) -> SignInLink:
        """A link for a member who is to sign in; it is shown once and good for once."""
        member = members.required(asked.platform.database, asked.tenant_id, name)
        secret = sessions.add_link(asked.platform.database, member.name)
        audit.record(asked.platform.database, asked.tenant_id, "invited", "member", member.name)
        return SignInLink(url=sign_in_link(request.app.state.settings.url, secret))

    return made


def _view(member: Member) -> MemberView:
    return MemberView(name=member.name, role=member.role, since=member.since)
