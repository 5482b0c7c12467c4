"""The audit log: who did what, from where, and what was before."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from hub.api.paging import Cursor, Limit, Page, cursor_of, key_of
from hub.gate.permission import Access, needs
from precedent.access import audit
from precedent.access.audit import COLUMNS, Entry, Question
from precedent.access.audit_export import Form, lines
from precedent.access.roles import Role


class EntryView(BaseModel):
    """One change; `before` and `after` hold no secrets."""

    id: int
    at: datetime
    actor_kind: str
    actor: str
    address: str | None
    request_id: str | None
    action: str
    object: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def question(
    actor: Annotated[str | None, Query(description="Of whom.")] = None,
    action: Annotated[str | None, Query(description="Which action.")] = None,
    object: Annotated[str | None, Query(description="Of what kind of thing.")] = None,
    text: Annotated[str | None, Query(description="What stands somewhere in the entry.")] = None,
    since: Annotated[datetime | None, Query(description="From this moment on.")] = None,
    until: Annotated[datetime | None, Query(description="Before this moment.")] = None,
) -> Question:
    """Which changes are asked for."""
    return Question(actor, action, object, text, since, until)


def router(access: Callable[..., Access], least: Role, operation: str) -> APIRouter:
    """The operations on the log, of a tenant or of the platform as a whole.

    Args:
        access: Who may: the dependency that finds the caller's role.
        least: The least role that may read it.
        operation: What the names of the operations begin with.
    """
    made = APIRouter(prefix="/audit", tags=["audit"])
    Asked = Annotated[Any, Depends(access)]
    Which = Annotated[Question, Depends(question)]

    @made.get("", **needs(least), operation_id=f"{operation}_list_audit")
    def list_audit(asked: Asked, which: Which, limit: Limit = 50, cursor: Cursor = None) -> Page[EntryView]:
        """Changes, the newest first."""
        database, behind = asked.platform.database, key_of(cursor)
        found = audit.list(database, asked.tenant_id, which, limit=limit + 1, before_id=behind)
        following = cursor_of(found[limit - 1].id) if len(found) > limit else None
        return Page(items=[EntryView(**_values(entry)) for entry in found[:limit]], next=following)

    @made.get("/export", **needs(least), operation_id=f"{operation}_export_audit", response_class=StreamingResponse)
    def export_audit(asked: Asked, which: Which, form: Form = Form.JSONL) -> StreamingResponse:
        """All changes that were asked for, as a file."""
        entries = audit.every(asked.platform.database, asked.tenant_id, which)
        kind = "text/csv" if form is Form.CSV else "application/jsonl"
        headers = {"Content-Disposition": f'attachment; filename="audit.{form.value}"'}
        return StreamingResponse(lines(entries, form), media_type=kind, headers=headers)

    return made


def _values(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS}
