"""How far the issues have been read, as the cursor keeps it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from precedent.sources.kinds.jira.search import Deployment, Place
from precedent.sources.source import Cursor

# Raise it when the same issue would give another payload: everything is then read again.
VERSION = 1
SEEN = 2_000

Mark = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A query that was left between two of its pages.

    Attributes:
        start: The moment from which it asks; None: from the start.
        text: The bound that this gave. Another one now, e.g. in another time zone, is another query.
        place: Where its next page begins.
        last: The last issue before that place and its change.
    """

    start: datetime | None
    text: str
    place: Place
    last: Mark | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where to go on.

    Attributes:
        deployment: Which interface the server has.
        updated: The newest change of any issue that was read, by the server's clock.
        seen: Issues near the end and their changes, which the next query gives again.
        unfinished: The query to go on with; None: a new one.
    """

    deployment: Deployment
    updated: datetime | None = None
    seen: dict[str, datetime] = field(default_factory=dict)
    unfinished: Unfinished | None = None

    def cursor(self, identity: str) -> Cursor:
        """As JSON; `identity` says what is read."""
        cursor: Cursor = {
            "reads": identity,
            "deployment": self.deployment.value,
            "updated": _written(self.updated),
            "seen": {key: updated.isoformat() for key, updated in self.seen.items()},
        }
        if (query := self.unfinished) is not None:
            last = [query.last[0], query.last[1].isoformat()] if query.last else None
            cursor["unfinished"] = {
                "start": _written(query.start),
                "text": query.text,
                "place": query.place,
                "last": last,
            }
        return cursor

    @classmethod
    def of(cls, cursor: Cursor, identity: str) -> Self | None:
        """From a cursor; None where that was about something else, so that all must be read again."""
        if cursor.get("reads") != identity:
            return None
        left = cursor.get("unfinished")
        return cls(
            deployment=Deployment(cursor["deployment"]),
            updated=_read(cursor["updated"]),
            seen={key: datetime.fromisoformat(updated) for key, updated in cursor["seen"].items()},
            unfinished=_unfinished(left) if left else None,
        )


def identity(scope: str, fields: tuple[str, ...]) -> str:
    """A digest of what is read: a new project or custom field concerns old issues too."""
    return hashlib.sha256("\0".join([str(VERSION), scope, *sorted(fields)]).encode()).hexdigest()[:16]


def pruned(seen: dict[str, datetime], earliest: datetime) -> dict[str, datetime]:
    """Those that a query from a moment on can give again, at most the newest `SEEN`, newest last."""
    kept = sorted((item for item in seen.items() if item[1] >= earliest), key=lambda item: item[1])
    return dict(kept[-SEEN:])


def _unfinished(left: dict[str, Any]) -> Unfinished:
    last = (left["last"][0], datetime.fromisoformat(left["last"][1])) if left["last"] else None
    return Unfinished(_read(left["start"]), left["text"], left["place"], last)


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
