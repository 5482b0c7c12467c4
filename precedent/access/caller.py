"""Who asks, and what it may do: the one rule for pages, interfaces and MCP."""

from collections.abc import Sequence
from dataclasses import dataclass

from precedent.access import members, sessions, tokens
from precedent.access.members import Membership
from precedent.access.roles import Role
from precedent.access.tokens import ApiToken
from precedent.database.session import Database
from precedent.tenants import tenants


@dataclass(frozen=True, slots=True)
class Caller:
    """A member who is signed in, or a program with a token.

    Attributes:
        name: The member's or token's name.
        token: The token; None for a member.
        session: The number of the member's session; None for a token.
    """

    name: str
    token: ApiToken | None = None
    session: int | None = None

    @property
    def kind(self) -> str:
        """`member` or `token`."""
        return "member" if self.token is None else "token"


def by_token(database: Database, text: str) -> Caller | None:
    """The program that a valid token belongs to."""
    token = tokens.find(database, text)
    return Caller(token.name, token=token) if token is not None else None


def by_session(database: Database, secret: str) -> Caller | None:
    """The member whose browser keeps this secret."""
    session = sessions.find(database, secret)
    return Caller(session.name, session=session.id) if session is not None else None


def role_of(database: Database, caller: Caller, tenant_id: int | None) -> Role | None:
    """What a caller may do in a tenant, or on the platform as a whole; None if nothing.

    A member's role is looked up anew each time, so that what was taken from it is gone with the next request.
    """
    if caller.token is not None:
        own = caller.token.tenant_id
        return caller.token.role if own is None or own == tenant_id else None
    if members.role_of(database, None, caller.name) is Role.PLATFORM:
        return Role.PLATFORM
    return members.role_of(database, tenant_id, caller.name) if tenant_id is not None else None


def memberships(database: Database, caller: Caller) -> Sequence[Membership]:
    """The tenants in which a caller may do something, by name."""
    if role_of(database, caller, None) is Role.PLATFORM:
        return [Membership(row.id, row.name, Role.PLATFORM) for row in tenants.list(database)]
    if caller.token is None:
        return members.memberships(database, caller.name)
    token = caller.token
    return [Membership(row.id, row.name, token.role) for row in tenants.list(database) if row.id == token.tenant_id]
