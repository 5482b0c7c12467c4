"""The audit log: who did what, from where, and what was before."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from hub.api.paging import Cursor, Limit, Page, cursor_of, key_of
from hub.gate.permission import Access, needs
from precedent.access import audit
from precedent.access.audit import COLUMNS, Entry, Question
from precedent.access.roles import Role


class Export(StrEnum):
    """The form of an export."""

    JSONL = "jsonl"
    CSV = "csv"


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
    def export_audit(asked: Asked, which: Which, form: Export = Export.JSONL) -> StreamingResponse:
        """All changes that were asked for, as a file."""
        entries = audit.every(asked.platform.database, asked.tenant_id, which)
        lines, kind = (_csv(entries), "text/csv") if form is Export.CSV else (_jsonl(entries), "application/jsonl")
        headers = {"Content-Disposition": f'attachment; filename="audit.{form.value}"'}
        return StreamingResponse(lines, media_type=kind, headers=headers)

    return made


def _values(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in COLUMNS}


def _jsonl(entries: Iterator[Entry]) -> Iterator[bytes]:
    for entry in entries:
        yield orjson.dumps(_values(entry)) + b"\n"


def _csv(entries: Iterator[Entry]) -> Iterator[str]:
    yield _row(COLUMNS)
    for entry in entries:
        values = _values(entry)
        for name in ("before", "after"):
            values[name] = orjson.dumps(values[name]).decode() if values[name] is not None else ""
        yield _row([_cell(values[name]) for name in COLUMNS])


def _row(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
