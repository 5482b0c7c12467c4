"""Reading lists that are ordered by change, although what they hold changes while it is read.

An item that changes moves to the end of its list, and what stood behind it moves up by one: the second page would
miss it. Each page is therefore asked for as a first page, from the last change that was seen on.
"""

import hashlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from precedent.http.answers import Reply, dated
from precedent.sources.kinds.github.repository_api import PER_PAGE, Repository, written
from precedent.sources.lists import latest
from precedent.sources.shapes.cleaning import canonical
from precedent.sources.shapes.fields import moment, moment_of
from precedent.sources.source import Cursor

# Servers of one site do not show a change at the same moment: look again at what is this close to the newest.
OVERLAP = timedelta(seconds=5)
# Dates are whole seconds: until the second is over, the same item may change again under the same date.
SETTLED = timedelta(seconds=2)
WALKS = 3
MOST_SEEN = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that were not read before, in the order of their changes, and the cursor behind them."""

    items: tuple[Any, ...]
    cursor: Cursor


@dataclass(slots=True)
class Keyset:
    """One list of a repository, e.g. its comments, read from a change on.

    A cursor is `{"since": ..}`, with `link` while more than a page of items share that second. When the end was
    reached it also holds `etag`, which lets the next look be one request, and `seen`, digests of what the overlap
    lists again.
    """

    repository: Repository
    path: str
    what: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    _known: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)
    _newest: datetime | None = None

    def read(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Everything from the cursor on, or from `since`, or from the beginning."""
        place: Cursor = cursor if cursor is not None else {"since": written(since) if since else None}
        self._known = {key: (digest, None) for key, digest in (place.get("seen") or {}).items()}
        start, etag, link = place.get("since"), place.get("etag"), place.get("link")
        while True:
            target = yield from self._pass(start, etag, link)
            if target == start:
                return
            # Once more from where the next sync begins: its answer is what that one compares with.
            start, etag, link = target, None, None

    def _pass(self, start: str | None, etag: str | None, link: str | None) -> Generator[Batch, None, str | None]:
        """From `start` to the end of the list; returns where the next sync begins."""
        reply = self.repository.get(link, what=self.what) if link else self._first(start, etag)
        if reply.unchanged:
            return start
        first, alone, at = reply, link is None, start
        visited: set[str] = {link} if link else set()
        fresh_here, walks = 0, 1
        while True:
            fresh = self._fresh(reply.data)
            fresh_here += len(fresh)
            last, ahead = self._last(reply.data), reply.next_link
            moved = last is not None and (at is None or last > _moment(at))
            alone = alone and ahead is None
            following = written(last) if moved and last is not None else at
            if ahead is None:
                cursor = self._ending(start, first, alone)
            else:
                cursor = {"since": following} if moved else {"since": at, "link": ahead}
            if fresh or (ahead is None and cursor.get("since") == start):
                yield Batch(tuple(fresh), cursor)
            if ahead is not None and not moved:
                self.repository.check_loop(ahead, visited, self.what)
                reply = self.repository.get(ahead, what=self.what)
                continue
            if visited and fresh_here and walks < WALKS:
                # Pages that were found by links may have lost an item to the end of the list meanwhile.
                visited, fresh_here, walks = set(), 0, walks + 1
                reply = self._first(at, None)
                continue
            if ahead is None:
                return self._target(start)
            at, visited, fresh_here, walks = following, set(), 0, 1
            self._forget_before(last)
            reply = self._first(at, None)

    def _first(self, since: str | None, etag: str | None) -> Reply:
        parameters = {"sort": "updated", "direction": "asc", "per_page": PER_PAGE, **self.parameters}
        if since is not None:
            parameters["since"] = since
        return self.repository.get(self.path, parameters, etag=etag, what=self.what)

    def _fresh(self, items: list[Any]) -> list[Any]:
        """Items that are not known as they are; they are from now on."""
        found = []
        for item in items:
            digest = hashlib.blake2b(canonical(item), digest_size=12).hexdigest()
            key = str(item.get("id", digest)) if isinstance(item, dict) else digest
            changed = moment_of(item, "updated_at")
            if self._known.get(key, ("",))[0] != digest:
                found.append(item)
            self._known[key] = (digest, changed)
            self._newest = latest([self._newest, changed], self.repository.client.server_time())
        return found

    def _last(self, items: list[Any]) -> datetime | None:
        return latest((moment_of(item, "updated_at") for item in items), self.repository.client.server_time())

    def _forget_before(self, last: datetime | None) -> None:
        if last is not None:
            since = last - OVERLAP
            self._known = {key: entry for key, entry in self._known.items() if entry[1] is None or entry[1] >= since}

    def _target(self, start: str | None) -> str | None:
        return start if self._newest is None else written(self._newest - OVERLAP)

    def _ending(self, start: str | None, first: Reply, alone: bool) -> Cursor:
        """The cursor behind the last page; with what was seen, unless the newest item may change within its second.

        The validator is left out where the first page is full: what comes next would stand on a second one.
        """
        target = self._target(start)
        cursor: Cursor = {"since": target}
        if target != start or not self._is_settled(first):
            return cursor
        since = _moment(target) if target else None
        seen = {key: digest for key, (digest, at) in self._known.items() if at and (since is None or at >= since)}
        if len(seen) <= MOST_SEEN:
            cursor["seen"] = seen
        if alone and len(first.data) < PER_PAGE and "etag" in first.headers:
            cursor["etag"] = first.headers["etag"]
        return cursor

    def _is_settled(self, reply: Reply) -> bool:
        if self._newest is None:
            return True
        answered = dated(reply.headers)
        return answered is not None and answered - self._newest >= SETTLED


def _moment(written_at: str) -> datetime:
    found = moment(written_at, "since")
    if found is None:
        raise ValueError("A cursor's since is empty.")
    return found
