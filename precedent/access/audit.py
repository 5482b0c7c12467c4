"""The audit log: who did what, from where, and what was before. Triggers write it; here it is read.

A tenant of None stands for the platform as a whole: its tenants, administrators, tokens and sessions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from precedent.database.session import Database

PAGE = 500
RECORD = text("SELECT record_action(:action, :object, :name, CAST(:before AS jsonb), CAST(:after AS jsonb))")
# The tenant stands in the question although row-level security says it: the index is used for it.
LIST = text("""
SELECT id, at, actor_kind, actor, address, request_id, action, object, name, before, after FROM audit_log
WHERE (tenant_id = CAST(:tenant AS integer) OR (CAST(:tenant AS integer) IS NULL AND tenant_id IS NULL))
  AND (CAST(:before_id AS bigint) IS NULL OR id < CAST(:before_id AS bigint))
  AND (CAST(:since AS timestamptz) IS NULL OR at >= CAST(:since AS timestamptz))
  AND (CAST(:until AS timestamptz) IS NULL OR at < CAST(:until AS timestamptz))
  AND (CAST(:actor AS text) IS NULL OR actor = CAST(:actor AS text))
  AND (CAST(:action AS text) IS NULL OR action = CAST(:action AS text))
  AND (CAST(:object AS text) IS NULL OR object = CAST(:object AS text))
  AND (CAST(:text AS text) IS NULL
    OR strpos(lower(concat_ws(' ', actor, action, object, name, before, after)), lower(CAST(:text AS text))) > 0)
ORDER BY id DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    Attributes:
        id: Its number; a later change has a higher one.
        at: When, UTC.
        actor_kind: `member`, `token`, `command` or `system`.
        actor: Who.
        address: Where the request came from, or None.
        request_id: The request's id, or None.
        action: `added`, `changed`, `removed`, or what was done.
        object: What it was done to: `source`, `provider`, `policy`, `member` ...
        name: Which one.
        before: What was before, without secrets: of a change the fields that have changed. None where nothing was.
        after: What is now, likewise.
    """

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


COLUMNS: Sequence[str] = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True, slots=True)
class Question:
    """Which changes are asked for; None asks for all.

    Attributes:
        actor: Of whom.
        action: Which action.
        object: Of what kind of thing.
        text: What stands somewhere in the entry, in small or capital letters.
        since: From this moment on.
        until: Before this moment.
    """

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = Question()


def list(
    database: Database,
    tenant_id: int | None,
    question: Question = EVERYTHING,
    *,
    limit: int = 50,
    before_id: int | None = None,
) -> Sequence[Entry]:
    """Changes, the newest first.

    Args:
        database: The platform's.
        tenant_id: Whose; None for the platform as a whole.
        question: Which of them.
        limit: How many at most.
        before_id: Only those before the entry of this number: the last one of the page before.
    """
    values = {name: getattr(question, name) for name in Question.__slots__}
    with database.scope(tenant_id) as session:
        rows = session.execute(LIST, {**values, "tenant": tenant_id, "limit": limit, "before_id": before_id})
        return [Entry(*row) for row in rows]


def every(database: Database, tenant_id: int | None, question: Question = EVERYTHING) -> Iterator[Entry]:
    """All changes that were asked for, the newest first, read page by page so that memory stays flat."""
    before_id: int | None = None
    while True:
        page = list(database, tenant_id, question, limit=PAGE, before_id=before_id)
        yield from page
        if len(page) < PAGE:
            return
        before_id = page[-1].id


def record(
    database: Database,
    tenant_id: int | None,
    action: str,
    what: str,
    name: str,
    after: dict[str, Any] | None = None,
) -> None:
    """Write down something that changes no row by itself: a run that was asked for, a sign-in that was refused.

    Args:
        database: The platform's.
        tenant_id: Where; None for the platform as a whole.
        action: What was done.
        what: To what kind of thing.
        name: Which one.
        after: More about it; never a secret.
    """
    details = orjson.dumps(after).decode() if after is not None else None
    values = {"action": action, "object": what, "name": name, "before": None, "after": details}
    with database.scope(tenant_id) as session:
        session.execute(RECORD, values)
