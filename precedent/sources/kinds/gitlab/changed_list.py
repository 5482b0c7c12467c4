"""Reading a list from a change on, although what it holds changes while it is read.

An item that changes moves to the end of a list by date, and those behind it move up: the second page by number would
miss one. Where GitLab offers links by keyset (project issues since 18.3) a link names a place in the order of changes,
and is followed. Elsewhere the next page is asked for as a first page, from the last change that was seen on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from precedent.errors import ActionRequired
from precedent.http.answers import Reply
from precedent.sources.kinds.gitlab.project_api import PER_PAGE, Project, written
from precedent.sources.lists import latest
from precedent.sources.shapes.fields import moment_of
from precedent.sources.source import Cursor

# A change becomes visible when its transaction ends, and replicas lag: look again at what is this close to the newest.
OVERLAP = timedelta(seconds=10)
# Some lists give what changed at a moment, others what changed after it.
JUST_BEFORE = timedelta(milliseconds=1)
MOST_SEEN = 1_000
KEYSET: Mapping[str, Any] = {"pagination": "keyset"}


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that were not read before, in the order of their changes, and the cursor behind them.

    `last` is true of the batch that ends the list.
    """

    items: tuple[Any, ...]
    cursor: Cursor
    last: bool = False


@dataclass(slots=True)
class ChangedList:
    """A list of a project, by `updated_at`.

    A cursor is `{"since"}`, with `link` where the next page is one of a walk that was left. At the end of the list it
    also holds `seen`: the changes that the overlap lists again.

    Attributes:
        project: Whose list.
        path: Where it is below the project.
        parameters: More of the query.
    """

    project: Project
    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def read(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Batch]:
        """Everything from the cursor on, or from `since`, or from the beginning; nothing where nothing has changed."""
        place: Cursor = cursor if cursor is not None else {"since": written(since) if since else None}
        start, link = place.get("since"), place.get("link")
        known: dict[str, str] = dict(place.get("seen") or {})
        visited: set[str] = set()
        while True:
            reply = self._page(start, link)
            fresh = tuple(item for item in reply.data if _is_new(item, known))
            ahead = reply.next_link
            if ahead is None:
                target = _ending(start, known, self.project.client.server_time())
                if fresh or target != place:
                    yield Batch(fresh, target, last=True)
                return
            last = latest((moment_of(item, "updated_at") for item in reply.data), self.project.client.server_time())
            following = start if last is None else written(last - JUST_BEFORE)
            if following == start or "cursor=" in ahead:
                link = ahead
                self.project.check_loop(link, visited)
            else:
                link = None
                visited.clear()
                known = _since(last - OVERLAP, known) if last is not None else known
            start = following
            if fresh:
                yield Batch(fresh, {"since": start, "link": link} if link else {"since": start})

    def _page(self, start: str | None, link: str | None) -> Reply:
        if link is not None:
            try:
                return self.project.get(link)
            except ActionRequired as fault:
                # A link of an earlier version of the server: the date that was kept with it leads on.
                if fault.code != "refused":
                    raise
        parameters = {"order_by": "updated_at", "sort": "asc", "per_page": PER_PAGE, **self.parameters}
        return self.project.get(self.path, parameters if start is None else {**parameters, "updated_after": start})


def _ending(start: str | None, known: dict[str, str], now: datetime) -> Cursor:
    """The cursor behind the last page: before the newest change, with what is listed again from there on."""
    newest = latest((_moment(changed) for changed in known.values()), now)
    if newest is None:
        return {"since": start}
    seen = sorted(_since(newest - OVERLAP, known).items(), key=lambda item: item[1])
    return {"since": written(newest - OVERLAP), "seen": dict(seen[-MOST_SEEN:])}


def _since(at: datetime, known: dict[str, str]) -> dict[str, str]:
    return {key: changed for key, changed in known.items() if (found := _moment(changed)) and found >= at}


def _moment(changed: str) -> datetime | None:
    return moment_of({"at": changed}, "at")


def _is_new(item: object, known: dict[str, str]) -> bool:
    """True if an item was not seen as it is now; it is known from now on."""
    if not isinstance(item, dict):
        return True
    key, changed = str(item.get("id")), str(item.get("updated_at"))
    new = known.get(key) != changed
    known[key] = changed
    return new
