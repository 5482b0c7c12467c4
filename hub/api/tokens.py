"""Tokens: keys by which programs use these interfaces."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from hub.gate.permission import Access, needs
from precedent.access import tokens
from precedent.access.roles import Role
from precedent.access.tokens import ApiToken, NewToken


class TokenView(BaseModel):
    """A token as it may be shown: never the token itself."""

    name: str
    role: Role
    state: str = Field(description="valid, expired or revoked.")
    last_four: str = Field(description="Its last four characters.")
    created_by: str
    created_at: datetime
    expires_at: datetime | None = Field(description="Until when it is valid; null for no end.")
    last_used_at: datetime | None = Field(description="To the minute; null if it was never used.")


class TokenRequest(BaseModel):
    """A token that is to be made."""

    name: str = Field(description="What it is called.", examples=["ci"])
    role: Role = Field(description="What it may do.")
    days: int | None = Field(default=365, ge=1, le=3650, description="How long it is valid; null for no end.")


class Rotation(BaseModel):
    """How a token is replaced."""

    overlap_hours: float = Field(default=24, ge=0, le=720, description="How long both tokens are valid.")


class MadeToken(TokenView):
    """A token that was just made: it is shown this once."""

    token: str


def router(access: Callable[..., Access], least: Role, operation: str) -> APIRouter:
    """The operations on tokens, of a tenant or of the platform as a whole.

    Args:
        access: Who may: the dependency that finds the caller's role.
        least: The least role that may see and change them.
        operation: What the names of the operations begin with.
    """
    made = APIRouter(prefix="/tokens", tags=["tokens"])
    Asked = Annotated[Any, Depends(access)]

    @made.get("", **needs(least), operation_id=f"{operation}_list_tokens")
    def list_tokens(asked: Asked) -> list[TokenView]:
        """The tokens, by name, also those that are no longer valid."""
        return [TokenView(**_shown(token)) for token in tokens.list(asked.platform.database, asked.tenant_id)]

    @made.post("", status_code=201, **needs(least), operation_id=f"{operation}_make_token")
    def make_token(asked: Asked, wanted: TokenRequest) -> MadeToken:
        """Make a token."""
        lifetime = timedelta(days=wanted.days) if wanted.days else None
        return _made(tokens.add(asked.platform.database, asked.tenant_id, wanted.name, wanted.role, lifetime))

    @made.post("/{name}/rotations", status_code=201, **needs(least), operation_id=f"{operation}_rotate_token")
    def rotate_token(asked: Asked, name: str, how: Rotation) -> MadeToken:
        """Make a token that replaces one; for a while both are valid."""
        overlap = timedelta(hours=how.overlap_hours)
        return _made(tokens.rotate(asked.platform.database, asked.tenant_id, name, overlap))

    @made.delete("/{name}", status_code=204, **needs(least), operation_id=f"{operation}_revoke_token")
    def revoke_token(asked: Asked, name: str) -> None:
        """End a token at once, with the one that it replaces."""
        tokens.revoke(asked.platform.database, asked.tenant_id, name)

    return made


def _shown(token: ApiToken) -> dict[str, Any]:
    return {name: getattr(token, name) for name in TokenView.model_fields}


def _made(new: NewToken) -> MadeToken:
    return MadeToken(token=new.token, **_shown(new.row))
