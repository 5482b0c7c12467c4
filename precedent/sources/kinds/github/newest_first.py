"""Releases and deployments: lists without an order of change, read from the newest until nothing is new."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from precedent.errors import NotThere
from precedent.sources.kinds.github.keyset import OVERLAP
from precedent.sources.kinds.github.repository_api import Repository, written
from precedent.sources.kinds.github.shapes import GitHubShape
from precedent.sources.lists import latest
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.fields import moment, moment_of
from precedent.sources.source import Cursor, Page

DATES = ("updated_at", "published_at", "created_at")


@dataclass(slots=True)
class NewestFirst:
    """The stream of a list that comes newest first.

    A cursor is `{"newest", "etag"}`: the latest change on the first page, and its validator. Within a walk it holds
    `link`, the page to ask for again, and `top`, what becomes `newest` at the end: never later than the first page,
    so that nothing that changed during the walk counts as known. A change on a later page is found with the next one
    on the first.

    Attributes:
        repository: Whose list.
        name: The stream's name, which is also the path.
        shape: What it lists.
        per_page: Items of a page.
        statuses: True if each new or changed item gets its statuses, by one request or more.
    """

    repository: Repository
    name: str
    shape: GitHubShape
    per_page: int = 100
    statuses: bool = False
    _ordinal: int = 0

    def pages(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
        """Every item that is new or changed; `since` bounds a read from the start."""
        place = cursor or {}
        newest = place.get("newest") or (written(since) if since and not place else None)
        link, top, etag = place.get("link"), place.get("top"), place.get("etag")
        if link is None:
            reply = self.repository.get(self.name, {"per_page": self.per_page}, etag=etag, what=self.name)
            if reply.unchanged:
                return
            etag = reply.headers.get("etag")
            last = latest((moment_of(item, *DATES) for item in reply.data), self.repository.client.server_time())
            top = written(last) if last else newest
        else:
            reply = self.repository.get(link, what=self.name)
        visited: set[str] = {link} if link else set()
        bound = moment(newest, "newest")
        while True:
            new = [item for item in reply.data if _is_new(item, bound)]
            ahead = reply.next_link
            ended = ahead is None or not new
            # This page, not the next: what is deleted before the next sync moves the others up.
            here: Cursor = {"newest": newest, "top": top, "etag": etag, "link": link} if link else {"newest": newest}
            cursor = {"newest": top, "etag": etag} if ended else here
            listed = new if self.statuses else reply.data
            yield Page(tuple(self.record(item) for item in listed), cursor)
            if ended or ahead is None:
                return
            self.repository.check_loop(ahead, visited, self.name)
            link = ahead
            reply = self.repository.get(link, what=self.name)

    def record(self, item: Any) -> RawRecord | RejectedRecord:
        """The record of an item of the list; with its statuses, where each item gets those."""
        self._ordinal += 1
        if self.statuses and isinstance(item, dict):
            item = {**item, "statuses": self._statuses(item.get("id"))}
        return self.repository.record(item, self.shape, self.name, self._ordinal)

    def _statuses(self, number: object) -> list[Any]:
        path = f"{self.name}/{number}/statuses"
        try:
            return [status for reply in self.repository.pages(path, what="statuses") for status in reply.data]
        except NotThere:
            # Deleted since it was listed.
            return []


def _is_new(item: object, bound: datetime | None) -> bool:
    changed = moment_of(item, *DATES)
    return bound is None or changed is None or changed >= bound - OVERLAP
