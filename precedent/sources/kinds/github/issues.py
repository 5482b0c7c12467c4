"""Issues and pull requests: one list, which shows pull requests as stubs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from precedent.errors import NotThere
from precedent.sources.kinds.github.keyset import Keyset
from precedent.sources.kinds.github.repository_api import Repository, written
from precedent.sources.kinds.github.shapes import ISSUE, PULL, REVIEW
from precedent.sources.lists import latest
from precedent.sources.records import RawKind, RawRecord, RejectedRecord
from precedent.sources.shapes.fields import moment_of
from precedent.sources.source import Cursor, Page

STREAM = "issues"
# Each costs two requests or more; few enough that a small budget of requests gets from one page to the next.
PULLS_A_PAGE = 10


@dataclass(slots=True)
class _Growing:
    """The page that is being filled."""

    records: list[RawRecord | RejectedRecord] = field(default_factory=list)
    gone: list[tuple[RawKind, str]] = field(default_factory=list)
    pulls: int = 0

    def page(self, cursor: Cursor) -> Page:
        return Page(tuple(self.records), cursor, tuple(self.gone))


@dataclass(slots=True)
class Issues:
    """The stream of issues, pull requests in full and the reviews of those."""

    repository: Repository
    _ordinal: int = 0

    def pages(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
        """Every issue and pull request from the cursor on, oldest change first."""
        keyset = Keyset(self.repository, "issues", STREAM, {"state": "all"})
        for batch in keyset.read(cursor, since):
            growing = _Growing()
            for position, item in enumerate(batch.items, 1):
                self._add(item, growing)
                at = latest([moment_of(item, "updated_at")], self.repository.client.server_time())
                if growing.pulls >= PULLS_A_PAGE and at is not None and position < len(batch.items):
                    # The list goes by date, so that all before this one is stored with it.
                    yield growing.page({"since": written(at)})
                    growing = _Growing()
            yield growing.page(batch.cursor)

    def pull(self, number: object) -> Iterator[RawRecord | RejectedRecord]:
        """A pull request in full and its reviews.

        Raises:
            NotThere: it is not there any more.
        """
        full = self.repository.get(f"pulls/{number}", expect=dict, what=f"pull request {number}").data
        yield self.repository.record(full, PULL, STREAM, self._ordinal)
        yield from self._reviews(number)

    def _add(self, item: Any, growing: _Growing) -> None:
        self._ordinal += 1
        is_pull = isinstance(item, dict) and isinstance(item.get("pull_request"), dict)
        if not is_pull:
            growing.records.append(self.repository.record(item, ISSUE, STREAM, self._ordinal))
            return
        growing.pulls += 1
        number = item.get("number")
        try:
            growing.records.extend(self.pull(number))
        except NotThere:
            growing.gone.append((RawKind.PULL_REQUEST, f"{self.repository.name}#{number}"))

    def _reviews(self, number: object) -> Iterator[RawRecord | RejectedRecord]:
        try:
            for reply in self.repository.pages(f"pulls/{number}/reviews", what=f"reviews of {number}"):
                for review in reply.data:
                    yield self.repository.record(review, REVIEW, STREAM, self._ordinal)
        except NotThere:
            # Deleted since the request before: the next sync meets it.
            return
