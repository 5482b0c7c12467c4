"""What an operation needs, and whether the caller has it: one rule, said where the operation is declared."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request

from hub.problems import Refused, documented
from precedent.access import caller as callers
from precedent.access.caller import Caller
from precedent.access.roles import Role
from precedent.errors import NotFoundError
from precedent.platform import Platform, Tenant

NEEDS = "x-role"
# What any operation may answer: a body that is no JSON, a stranger, a role that does not do, nothing of this name, a
# body that is too large, a field that does not fit, a database that is gone.
USUAL = (400, 401, 403, 404, 413, 422, 503)


@dataclass(frozen=True, slots=True)
class Access:
    """A caller who may do what it asks for.

    Attributes:
        platform: The open platform.
        caller: Who asks.
        role: What it may do here.
    """

    platform: Platform
    caller: Caller
    role: Role

    @property
    def tenant_id(self) -> int | None:
        """Where: a tenant's number, or None for the platform as a whole."""
        return None


@dataclass(frozen=True, slots=True)
class TenantAccess(Access):
    """The same in a tenant."""

    tenant: Tenant

    @property
    def tenant_id(self) -> int | None:
        """The tenant's number."""
        return self.tenant.id


def needs(role: Role, *problems: int) -> dict[str, Any]:
    """What every operation says of itself: the least role that may use it, and the problems that it may answer with.

    An operation that says nothing is refused to everybody.
    """
    return {"openapi_extra": {NEEDS: role.value}, "responses": documented(*sorted({*USUAL, *problems}))}


def signed_in(request: Request) -> Caller:
    """The caller.

    Raises:
        Refused: it is a stranger.
    """
    caller: Caller | None = request.state.caller
    if caller is None:
        raise Refused(HTTPStatus.UNAUTHORIZED, "Sign in first, or send a valid token as `Authorization: Bearer`.")
    return caller


def platform_access(request: Request) -> Access:
    """A caller who may do this on the platform as a whole.

    Raises:
        Refused: it is a stranger, or may not.
    """
    caller = signed_in(request)
    platform: Platform = request.app.state.platform
    role = callers.role_of(platform.database, caller, None)
    _check(request, caller, role, "on the platform as a whole")
    return Access(platform, caller, role or Role.VIEWER)


def tenant_access(request: Request, tenant: str) -> TenantAccess:
    """A caller who may do this in the tenant of the address.

    Raises:
        Refused: it is a stranger, does not belong to the tenant, or may not.
    """
    caller = signed_in(request)
    platform: Platform = request.app.state.platform
    try:
        found: Tenant | None = platform.tenant(tenant)
    except NotFoundError:
        found = None
    role = callers.role_of(platform.database, caller, found.id) if found else None
    if found is None or role is None:
        # The same for a tenant that is not there: who does not belong to one does not learn that it exists.
        raise Refused(HTTPStatus.NOT_FOUND, f"{caller.name} belongs to no tenant {tenant!r}.")
    _check(request, caller, role, f"in {found.name}")
    return TenantAccess(platform, caller, role, found)


def _check(request: Request, caller: Caller, role: Role | None, where: str) -> None:
    needed = (getattr(request.scope.get("route"), "openapi_extra", None) or {}).get(NEEDS)
    if needed is not None and role is not None and role.may_act_as(Role(needed)):
        return
    has = f"is {role} {where}" if role is not None else f"has no role {where}"
    raise Refused(HTTPStatus.FORBIDDEN, f"{caller.name} {has}; this needs {needed or 'a role that nobody has'}.")
