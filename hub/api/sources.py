"""Sources: where records come from, and how far each has come."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from hub.gate.permission import TenantAccess, needs, tenant_access
from precedent.access.roles import Role
from precedent.errors import NotFoundError
from precedent.sources import repository
from precedent.sources.status import SourceStatus

router = APIRouter(prefix="/sources", tags=["sources"])
Asked = Annotated[TenantAccess, Depends(tenant_access)]


class SourceView(BaseModel):
    """A source: its state, and its rows by layer."""

    name: str
    kind: str
    state: str = Field(description="ok, waiting, needs_attention, paused, new ...")
    reason: str | None = Field(description="Why, where the state is not ok.")
    wait_until: datetime | None = Field(description="When it goes on by itself.")
    raw: dict[str, int] = Field(description="Records by kind.")
    documents: int
    chunks: int = Field(description="Passages.")
    embedded: int = Field(description="Passages with a vector in the active space.")
    failed: int = Field(description="Passages that could not be embedded.")
    rejected: int = Field(description="Records that could not be read.")
    failures: int = Field(description="Failed syncs in a row.")
    last_refresh: datetime | None


@router.get("", **needs(Role.VIEWER))
def list_sources(asked: Asked) -> list[SourceView]:
    """The sources, by name."""
    return [_view(status) for status in asked.tenant.sources()]


@router.get("/{source}", **needs(Role.VIEWER))
def get_source(asked: Asked, source: str) -> SourceView:
    """One source."""
    for status in asked.tenant.sources():
        if status.name == source:
            return _view(status)
    raise NotFoundError(f"{asked.tenant.name} has no source {source!r}.")


@router.post("/{source}/pause", **needs(Role.OPERATOR))
def pause_source(asked: Asked, source: str) -> SourceView:
    """Leave a source alone until it is resumed; its rows stay and are found."""
    repository.set_paused(asked.platform.database, f"{asked.tenant.name}/{source}", paused=True)
    return get_source(asked, source)


@router.post("/{source}/resume", **needs(Role.OPERATOR))
def resume_source(asked: Asked, source: str) -> SourceView:
    """Ask a source again that was paused."""
    repository.set_paused(asked.platform.database, f"{asked.tenant.name}/{source}", paused=False)
    return get_source(asked, source)


def _view(status: SourceStatus) -> SourceView:
    return SourceView.model_validate(status, from_attributes=True)
