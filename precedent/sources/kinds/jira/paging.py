"""Paging through issues that change meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from precedent.errors import ActionRequired, NotThere, RetryLater
from precedent.retry import PAUSE_AFTER_TROUBLE
from precedent.sources.kinds.jira.cursor import Mark, Position, Unfinished, pruned
from precedent.sources.kinds.jira.issue_details import Completion
from precedent.sources.kinds.jira.search import EMPTY_PAGES, Deployment, Found, Place, link_loop
from precedent.sources.kinds.jira.shapes import ISSUE
from precedent.sources.kinds.jira.timezone import EVERYTHING, LowerBound, UserZone
from precedent.sources.lists import latest
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.fields import UnreadableError, moment
from precedent.sources.shapes.guard import guarded
from precedent.sources.source import Cursor, Page

SHIFTS = 50

# The bound, the place and the most issues to give.
Search = Callable[[LowerBound, Place | None, int], Found]


@dataclass(frozen=True, slots=True)
class Query:
    """Issues that changed from `start` on (None: ever), and the place in their list; see `Unfinished`."""

    start: datetime | None
    lower: LowerBound
    place: Place | None = None
    last: Mark | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass over the issues needs.

    Attributes:
        name: What the server is called in messages.
        deployment: Which interface it has.
        identity: A digest of what is read, see `position.identity`.
        search: Asks for a page.
        completion: Makes an issue complete.
        zone: The clock by which bounds are read.
        overlap: How far before the newest change a pass begins.
        size: The most issues on a page.
        now: The clock, UTC; only to say when to try again.
        server_time: The server's clock, UTC, which the newest known change never passes.
    """

    name: str
    deployment: Deployment
    identity: str
    search: Search
    completion: Completion
    zone: UserZone
    overlap: timedelta
    size: int
    now: Callable[[], datetime]
    server_time: Callable[[], datetime]


class IssuePass:
    """One pass over the issues, oldest change first.

    An issue that changes moves to the end of the list, and those behind it move up: the next page by position would
    skip one. So each page is asked for anew, from the minute of the last issue on. Only where that would give most of
    the page again, because it lies within one minute, does the query itself go on; by position it then begins with the
    last issue that was read, and the query starts over where that has moved.
    """

    def __init__(self, reading: Reading, position: Position) -> None:
        self._by = reading
        self._updated = position.updated
        self._seen = dict(position.seen)
        self._left = position.unfinished
        self._barren = 0

    def pages(self, before: Cursor | None, since: datetime | None) -> Iterator[Page]:
        """Pages until the end of the list; none where nothing has changed since the cursor `before`."""
        query = self._first(since)
        resumed = query.place is not None
        tokens: set[Place] = set()
        while True:
            try:
                found = self._page(query)
            except ActionRequired as fault:
                if not resumed or fault.code != "refused":
                    raise
                # Tokens are good for some days only.
                found = None
                query = self._anew(since)
            resumed = False
            if found is None:
                query = replace(query, place=None, last=None)
                tokens.clear()
                continue
            self._guard(found, tokens)
            records = self._records(found.issues)
            following = self._following(query, found)
            cursor = self._cursor(following)
            if records or cursor != before:
                yield Page(records, cursor)
            if following is None:
                return
            if following.place is None:
                tokens.clear()
            before, query = cursor, following

    def _first(self, since: datetime | None) -> Query:
        if (left := self._left) is not None:
            lower = self._lower(left.start)
            if lower.text == left.text:
                return Query(left.start, lower, left.place, left.last)
        return self._anew(since)

    def _anew(self, since: datetime | None) -> Query:
        start = self._updated - self._by.overlap if self._updated else since
        return Query(start, self._lower(start))

    def _lower(self, start: datetime | None) -> LowerBound:
        return EVERYTHING if start is None else self._by.zone.lower(start)

    def _page(self, query: Query) -> Found | None:
        """The page at a place; None where what was before it is there no more."""
        if not isinstance(query.place, int) or query.last is None:
            return self._by.search(query.lower, query.place, self._by.size)
        found = self._by.search(query.lower, query.place - 1, self._by.size + 1)
        if not found.issues or mark(found.issues[0]) != query.last:
            self._count_barren()
            return None
        if len(found.issues) == 1 and found.after is not None:
            raise link_loop(self._by.name)
        return replace(found, issues=found.issues[1:])

    def _count_barren(self) -> None:
        self._barren += 1
        if self._barren > SHIFTS:
            raise RetryLater(
                "changing",
                f"The issues of {self._by.name} change faster than they can be read; it goes on from here later.",
                self._by.now() + PAUSE_AFTER_TROUBLE,
            )

    def _guard(self, found: Found, tokens: set[Place]) -> None:
        """Raise where tokens lead in a circle or to nothing."""
        if found.after in tokens:
            raise link_loop(self._by.name)
        if found.after is not None:
            tokens.add(found.after)
        if not found.issues and found.after is not None:
            self._barren += 1
            if self._barren > EMPTY_PAGES:
                raise link_loop(self._by.name)

    def _following(self, query: Query, found: Found) -> Query | None:
        if found.after is None:
            return None
        marks = [mark(issue) for issue in found.issues]
        known = [found_mark for found_mark in marks if found_mark is not None]
        if known:
            lower = self._lower(known[-1][1])
            # Later than where the page began, or the same page would come again.
            if lower.earliest > max(known[0][1], query.lower.earliest):
                return Query(known[-1][1], lower)
        return Query(query.start, query.lower, found.after, marks[-1] if marks else None)

    def _records(self, issues: Sequence[dict[str, Any]]) -> tuple[RawRecord | RejectedRecord, ...]:
        records: list[RawRecord | RejectedRecord] = []
        for number, issue in enumerate(issues, start=1):
            found = mark(issue)
            if found is not None and self._seen.get(found[0]) == found[1]:
                continue
            try:
                payload = self._by.completion.payload(issue)
            except NotThere:
                continue  # deleted since the search; the sweep says so
            self._barren = 0
            records.append(guarded(ISSUE.record, payload, f"issue/{payload.get('key') or number}", 1))
            if found is not None:
                self._seen[found[0]] = found[1]
                self._updated = latest([self._updated, found[1]], self._by.server_time())
        return tuple(records)

    def _cursor(self, query: Query | None) -> Cursor:
        earliest = EVERYTHING.earliest
        if self._updated is not None:
            earliest = self._lower(self._updated - self._by.overlap).earliest
        unfinished = None
        if query is not None and query.place is not None:
            earliest = min(earliest, query.lower.earliest)
            unfinished = Unfinished(query.start, query.lower.text, query.place, query.last)
        self._seen = pruned(self._seen, earliest)
        return Position(self._by.deployment, self._updated, self._seen, unfinished).cursor(self._by.identity)


def mark(issue: dict[str, Any]) -> Mark | None:
    """Key and last change of an issue; None where it does not say them."""
    key, fields = issue.get("key"), issue.get("fields")
    if not isinstance(key, str) or not isinstance(fields, dict):
        return None
    try:
        updated = moment(fields.get("updated"), "updated")
    except UnreadableError:
        return None
    return None if updated is None else (key, updated)
