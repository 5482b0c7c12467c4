"""What a live source offers: streams that are read page by page, from where the last page ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from precedent.sources.records import RawKind, RawRecord, RejectedRecord

Cursor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """One thing that a server lists, e.g. the comments of a repository.

    `kinds` are those that its records may have. `sweeps` says whether the server can list every id that it still has.
    """

    name: str
    kinds: frozenset[RawKind]
    sweeps: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one answer, and where the next one begins; both are stored in one transaction.

    `cursor` is JSON and enough to go on from in another process. It may only move past what the page holds, so that
    a crash repeats at most this page. `gone` are external ids that the server has said it does not have any more.
    """

    records: tuple[RawRecord | RejectedRecord, ...]
    cursor: Cursor
    gone: tuple[tuple[RawKind, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """A cheap look at a source.

    `token` changes when something may have changed since, and is equal when nothing has. `validators` (JSON) make
    the next look cheaper still, e.g. ETags. `name` is what the server calls the source now (`owner/name` of a
    repository), where ids begin with it; it differs from before when the source was renamed.
    """

    token: str
    validators: dict[str, Any]
    name: str | None = None


@runtime_checkable
class LiveSource(Protocol):
    """A server that is asked again and again; nothing here writes to the database.

    Every method raises `Waiting` or `NeedsAttention` where the server does not answer as it should, with what to do
    in words. A fault of a stream alone (`whole` is false) leaves the other streams readable.
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
        """Everything new or changed from a cursor on, oldest change first where the server can; None: from the start.

        `since` lets a read from the start leave out what was last changed before. Where nothing has changed no page
        may come, or one without records. What is yielded twice is harmless: payload hashes drop what is known.
        """
        ...

    def ids(self, stream: Stream) -> Iterator[tuple[RawKind, str]]:
        """Every external id that the server lists now, for streams that sweep; a few may be missed, none invented."""
        ...

    def gone(self, stream: Stream, kind: RawKind, external_id: str) -> bool:
        """Whether the server says of one id, asked by itself, that it is not there (any more, or moved elsewhere)."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...
