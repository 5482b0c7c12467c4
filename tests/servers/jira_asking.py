"""Reading a loopback Jira with the live source."""

from collections.abc import Iterable
from typing import Any

import orjson

from precedent.sources.kinds.jira.source import JiraSource
from precedent.sources.records import RawRecord
from precedent.sources.source import Cursor, Page
from tests.servers.http_options import quick
from tests.servers.jira import JiraServer


def source_of(server: JiraServer, **options: Any) -> JiraSource:
    """A source of one project that waits for nothing."""
    limits = {name: options.pop(name) for name in ("slept", "now", "timeout_s") if name in options}
    chosen: dict[str, Any] = {"projects": ("PRO",), "options": quick(**limits)} | options
    return JiraSource(server.base_url, **chosen)


def read(source: JiraSource, cursor: Cursor | None = None) -> tuple[list[RawRecord], Cursor]:
    """Everything from a cursor on, and the last cursor as another process would find it."""
    return gathered(source.pages(source.streams()[0], cursor), cursor)


def gathered(pages: Iterable[Page], cursor: Cursor | None = None) -> tuple[list[RawRecord], Cursor]:
    """The records of pages, and the last cursor as another process would find it."""
    records: list[RawRecord] = []
    for page in pages:
        cursor = orjson.loads(orjson.dumps(page.cursor))
        assert all(isinstance(item, RawRecord) for item in page.records)
        records.extend(item for item in page.records if isinstance(item, RawRecord))
    assert cursor is not None
    return records, cursor


def keys(records: Iterable[RawRecord]) -> list[str]:
    """Their ids, in the order of reading."""
    return [item.external_id for item in records]
