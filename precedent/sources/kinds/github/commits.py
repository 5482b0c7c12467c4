"""Commits of the default branch: all of them once, then what a new head has and the old one had not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from precedent.errors import ActionRequired, NotThere
from precedent.http.answers import Reply
from precedent.sources.kinds.github.repository_api import PER_PAGE, Repository, written
from precedent.sources.kinds.github.shapes import COMMIT
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.source import Cursor, Page

STREAM = "commits"


@dataclass(slots=True)
class Commits:
    """The stream of commits.

    A cursor is `{"head", "etag", "branch"}` when all of a head was read. While one is being read it also holds
    `page`, the next to ask for, and `base`, what was read before it, or null for a walk of everything. Both lists
    are asked for by sha, so that their pages stand still.

    Attributes:
        repository: Whose commits.
        branch: The default branch.
        files: True to ask for each commit by itself, for its files (the first 300) and the size of its change.
    """

    repository: Repository
    branch: str
    files: bool = False
    _ordinal: int = 0

    def pages(self, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
        """Every commit of the head that the cursor does not know; `since` bounds a walk of everything."""
        place = dict(cursor or {})
        if place.get("page"):
            place = yield from self._continued(place)
        etag = place.get("etag") if place.get("branch") == self.branch else None
        reply = self._newest(etag)
        if reply is None or reply.unchanged or not reply.data:
            return
        head, known = str(reply.data[0]["sha"]), place.get("head")
        target: Cursor = {"head": head, "etag": reply.headers.get("etag"), "branch": self.branch}
        if head == known:
            if target != place:
                yield Page((), target)
            return
        if known is None and since is not None:
            target["since"] = written(since)
        yield from self._walked({**target, "base": known, "page": 1})

    def _continued(self, place: Cursor) -> Any:
        """Finish what a former sync began; a head that is gone meanwhile is left for the next one."""
        try:
            return (yield from self._walked(place))
        except NotThere:
            return {}
        except ActionRequired as fault:
            if fault.code != "refused":
                raise
            return {}

    def _walked(self, place: Cursor) -> Any:
        """The pages of a walk from `place` on; returns the cursor behind it."""
        done = {key: place[key] for key in ("head", "etag", "branch")}
        while True:
            try:
                commits, more = self._listed(place)
            except NotThere:
                if place["base"] is None:
                    raise
                # The base is unknown after a forced push: nothing says what is new.
                place = {**place, "base": None, "page": 1}
                continue
            place = {**place, "page": place["page"] + 1} if more else done
            yield Page(tuple(self._record(each) for each in commits), place)
            if not more:
                return place

    def _listed(self, place: Cursor) -> tuple[list[Any], bool]:
        parameters: dict[str, Any] = {"per_page": PER_PAGE, "page": place["page"]}
        if place["base"] is not None:
            path = f"compare/{place['base']}...{place['head']}"
            reply = self.repository.get(path, parameters, expect=dict, what="comparison of commits")
            return list(reply.data.get("commits") or ()), reply.next_link is not None
        bound = {"since": place["since"]} if place.get("since") else {}
        reply = self.repository.get("commits", {"sha": place["head"], **parameters, **bound}, what=STREAM)
        return reply.data, reply.next_link is not None

    def _newest(self, etag: str | None) -> Reply | None:
        """The branch's head as a list of one commit; None for a repository without any."""
        try:
            return self.repository.get("commits", {"sha": self.branch, "per_page": 1}, etag=etag, what=STREAM)
        except ActionRequired as fault:
            if fault.code != "conflict":
                raise
            return None

    def _record(self, commit: Any) -> RawRecord | RejectedRecord:
        self._ordinal += 1
        if self.files and isinstance(commit, dict) and commit.get("sha"):
            commit = self._whole(commit)
        return self.repository.record(commit, COMMIT, STREAM, self._ordinal)

    def _whole(self, commit: dict[str, Any]) -> Any:
        try:
            return self.repository.get(f"commits/{commit['sha']}", expect=dict, what="commit").data
        except ActionRequired as fault:
            # A change too large to be shown must not keep the commits behind it from being read.
            if fault.code not in {"not_found", "gone", "refused"}:
                raise
            return commit
