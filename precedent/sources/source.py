"""What a source offers: files that are read as a whole, or streams of a server that are read page by page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from precedent.errors import ActionRequired
from precedent.sources.records import RawKind, RawRecord, RejectedRecord

Cursor = dict[str, Any]


class FileSource(Protocol):
    """Files, which are read as a whole when they have changed."""

    def fingerprint(self) -> str:
        """A digest that changes whenever `read` could yield something else; cheap compared with `read`."""
        ...

    def quick_fingerprint(self) -> str:
        """A digest that changes when `fingerprint` may have changed; reads no content, so it can be asked often."""
        ...

    def estimate(self) -> int | None:
        """Roughly how many records `read` yields, for progress; None where that is not known."""
        ...

    def read(self) -> Iterator[RawRecord | RejectedRecord]:
        """Stream every record; memory does not grow with the source."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """One thing that a server lists, e.g. the comments of a repository.

    Attributes:
        name: Stored with its rows and its cursor.
        kinds: The kinds that its records may have.
        sweeps: True if the server can list everything that it still has: once a day that is compared with what is held,
            see `LiveSource.full_listing`.
    """

    name: str
    kinds: frozenset[RawKind]
    sweeps: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one answer, and where the next one begins; both are stored in one transaction.

    Attributes:
        records: In the order of their changes where the server has one.
        cursor: JSON, enough to go on from in another process. It moves past nothing that the page does not hold, so
            that a crash repeats at most this page.
        gone: Items that the server has said it does not have any more.
    """

    records: tuple[RawRecord | RejectedRecord, ...]
    cursor: Cursor
    gone: tuple[tuple[RawKind, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """An item of a full listing, with what the listing says of it.

    Attributes:
        kind: Its kind.
        external_id: Its id.
        changed: When it was last changed by the server's clock, where the listing says that.
        record: Its record, where the listing shows the payload just as `pages` stores it: a change without a date is
            then found by comparing.
    """

    kind: RawKind
    external_id: str
    changed: datetime | None = None
    record: RawRecord | None = None

    @property
    def identity(self) -> tuple[RawKind, str]:
        """Kind and external id."""
        return self.kind, self.external_id


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source looks like now, found out cheaply.

    Attributes:
        token: Differs from before when something may have changed, and is equal when nothing has.
        validators: JSON that makes the next probe cheaper, e.g. ETags.
        name: What the server calls the source now (`owner/name` of a repository), where ids begin with that. It
            differs from before when the source was renamed.
    """

    token: str
    validators: dict[str, Any]
    name: str | None = None


@runtime_checkable
class LiveSource(Protocol):
    """A server that is asked again and again; nothing here writes to the database.

    Every method raises `RetryLater` or `ActionRequired` where the server does not answer as it should. A fault whose
    `whole` is false leaves the other streams readable.

    A cursor by date never passes the server's own clock (`HttpClient.server_time`): what is dated later is stored, and
    moves no cursor.
    """

    @property
    def requests(self) -> int:
        """HTTP requests sent so far by this object."""
        ...

    def streams(self) -> tuple[Stream, ...]:
        """What it offers, in the order to read it."""
        ...

    def probe(self, before: Probe | None = None) -> Probe:
        """Whether something may have changed since `before`, in at most a few requests."""
        ...

    def pages(self, stream: Stream, cursor: Cursor | None, since: datetime | None = None) -> Iterator[Page]:
        """Everything new or changed from a cursor on, oldest change first where the server can.

        What is yielded twice is harmless: it is dropped by the hash of its payload. Where nothing has changed there
        may be no page, or one without records.

        Args:
            stream: One of `streams`.
            cursor: That of the last page that was stored; None: from the start.
            since: Lets a read from the start leave out what was last changed before, UTC.
        """
        ...

    def identity(self) -> str | None:
        """The server's own number of what is read, which stays when that is renamed or moved.

        A name that was given up can be taken by somebody else: another number under the same name is another source.
        None where the server has no such number.
        """
        ...

    def full_listing(self, stream: Stream) -> Iterator[Listed]:
        """Everything that a stream that sweeps has now; may miss a few, never invents one."""
        ...

    def item(self, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
        """The records of an item of a full listing, with all that `pages` brings with it.

        Raises:
            NotThere: it has gone since it was listed.
        """
        ...

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """True if the server, asked for this item by itself, says that it is not there or has moved elsewhere."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


def replaced(found: str) -> ActionRequired:
    """The fault of a server that has something else under the name of what was read.

    Args:
        found: What was found, as the beginning of a sentence.
    """
    return ActionRequired(
        "replaced",
        f"{found}: somebody else may have taken its name. Nothing was read or removed. If the new one is meant, remove "
        "the source and add it again.",
    )
