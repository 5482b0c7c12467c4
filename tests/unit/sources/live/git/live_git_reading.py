"""Reading the git source, and looking at what it gave."""

from collections.abc import Callable
from typing import Any

import orjson

from precedent.sources.kinds.git.remote import COMMITS, GitRemoteSource
from precedent.sources.records import RawKind, RawRecord
from precedent.sources.source import Cursor, Page

Make = Callable[..., GitRemoteSource]


def read(source: GitRemoteSource, cursor: Cursor | None = None, **options: Any) -> list[Page]:
    return list(source.pages(COMMITS, cursor, **options))


def shas(pages: list[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records if isinstance(record, RawRecord)]


def stored(page: Page) -> Cursor:
    """A cursor as another process gets it."""
    cursor: Cursor = orjson.loads(orjson.dumps(page.cursor))
    return cursor


def gone(pages: list[Page]) -> set[str]:
    assert all(kind is RawKind.COMMIT for page in pages for kind, _ in page.gone)
    return {sha for page in pages for _, sha in page.gone}
