"""A sync of a live source: pages into rows, a cursor after each, and a state that says how it ended.

A page and the cursor behind it are one transaction: whatever kills a sync, it goes on from the last page that was
stored. What fails in one stream leaves the others readable; what was fetched is kept in any case.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from precedent.clock import TimeBounds
from precedent.database import statistics
from precedent.errors import ActionRequired, RetryLater, SourceFault
from precedent.sources.records import RawKind
from precedent.sources.source import LiveSource, Probe, Stream
from precedent.sources.sync import raw_pages as pages
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.raw_items import SyncCounts
from precedent.sources.sync.state import SourceState, State

log = logging.getLogger(__name__)
IDS_AT_ONCE = 1_000
# A source whose owner must act is asked again now and then: tokens are also renewed on the server's side.
FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """What a sync is to do beyond reading what is new.

    Attributes:
        bounds: Keep only items created within; cursors stay where they are.
        full_refresh: Read every stream from its start and write every row anew.
        sweep: Find what the server no longer has, by its full listings.
    """

    bounds: TimeBounds = field(default_factory=TimeBounds)
    full_refresh: bool = False
    sweep: bool = False


@dataclass(slots=True)
class SyncReport:
    """What a sync did, and the state that it left the source in."""

    counts: SyncCounts = field(default_factory=SyncCounts)
    state: State = State.OK
    code: str | None = None
    reason: str | None = None
    wait_until: datetime | None = None
    pages: int = 0
    requests: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    renamed: tuple[str, str] | None = None


class Sync:
    """One sync of one source over one connection, which is its tenant's."""

    def __init__(
        self,
        connection: "psycopg.Connection[Any]",
        tenant_id: int,
        source_id: int,
        live: LiveSource,
        options: SyncOptions | None = None,
        *,
        revision: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.connection = connection
        self.tenant_id, self.source_id = tenant_id, source_id
        self.live = live
        self.options = options or SyncOptions()
        self.revision = revision
        self.progress = progress
        self.now = now
        self.report = SyncReport()
        self._worst: SourceFault | None = None

    def run(self) -> SyncReport:
        """Read every stream as far as it goes; commits after each page.

        Whatever goes wrong becomes the state of the stream or of the source, and the other streams are read.

        Raises:
            SourceBusyError: another sync of this source is under way.
            psycopg.OperationalError: the connection to the database was lost.
        """
        sync_state.lock(self.connection, self.source_id)
        state = sync_state.load(self.connection, self.source_id)
        if self.options.full_refresh and not self.options.bounds:
            sync_state.delete_cursors(self.connection, self.source_id)
            pages.delete_rejected(self.connection, self.source_id)
            self.connection.commit()
            state = replace(state, streams={})
        probe: Probe | None = None
        try:
            probe = self.live.probe(None if self.options.full_refresh else state.probe)
            self._follow_name(state, probe)
            for stream in self.live.streams():
                self._read(stream, state)
        except Exception as error:  # whatever a kind of source does with what a server sends
            self._worst = self._fault(error, "the source", whole=True)
        self._finish(state, probe)
        return self.report

    def _follow_name(self, state: SourceState, probe: Probe) -> None:
        if probe.name is None:
            return
        if state.name and state.name != probe.name:
            pages.rename(self.connection, self.source_id, state.name, probe.name)
            self.report.renamed = (state.name, probe.name)
        if state.name != probe.name:
            sync_state.save_outcome(
                self.connection, self.tenant_id, self.source_id, state=State.OK, revision=self.revision
            )
            sync_state.save_name(self.connection, self.source_id, probe.name)
        self.connection.commit()

    def _read(self, stream: Stream, state: SourceState) -> None:
        """One stream to its end, or to a fault of its own; a fault of the whole source goes on to the caller."""
        try:
            self._pages(stream, state)
            if self.options.sweep and stream.sweeps and not self.options.bounds:
                self._compare_listing(stream)
        except Exception as error:  # as in `run`, but the streams behind this one can be read
            fault = self._fault(error, stream.name, whole=False)
            self.report.faults[stream.name] = fault.reason
            self._save_stream(stream, fault)
            if fault.whole:
                raise
            self._worst = self._worst or fault
        else:
            self._save_stream(stream, None)

    def _pages(self, stream: Stream, state: SourceState) -> None:
        known = state.streams.get(stream.name)
        bounds = self.options.bounds
        cursor = known.cursor if known and not bounds else None
        counts = self.report.counts
        for page in self.live.pages(stream, cursor, since=bounds.after if bounds else None):
            pages.store_page(
                self.connection,
                self.tenant_id,
                self.source_id,
                stream.name,
                page.records,
                counts,
                bounds=bounds,
                everything=self.options.full_refresh,
            )
            pages.tombstone(self.connection, self.source_id, page.gone, counts)
            if not bounds:
                sync_state.save_cursor(self.connection, self.tenant_id, self.source_id, stream.name, page.cursor)
            self.connection.commit()
            self.report.pages += 1
            self.progress(counts.read.total())

    def _compare_listing(self, stream: Stream) -> None:
        """Give a tombstone to what the server no longer lists and, asked for it alone, says it does not have."""
        began = pages.begin_listing(self.connection)
        batch: list[tuple[RawKind, str]] = []
        for identity in self.live.full_listing(stream):
            batch.append(identity)
            if len(batch) >= IDS_AT_ONCE:
                pages.add_listed(self.connection, batch)
                batch.clear()
        pages.add_listed(self.connection, batch)
        missing = pages.unlisted(self.connection, self.source_id, stream.name, stream.kinds, began)
        pages.end_listing(self.connection)
        self.connection.commit()
        for kind, name in missing:
            # A list that changes while it is paged may lack an item that is there.
            if self.live.gone(stream, kind, name):
                pages.tombstone(self.connection, self.source_id, [(kind, name)], self.report.counts)
                self.connection.commit()

    def _save_stream(self, stream: Stream, fault: SourceFault | None) -> None:
        state = State.OK if fault is None else _state_of(fault)
        sync_state.save_stream(
            self.connection,
            self.tenant_id,
            self.source_id,
            stream.name,
            state,
            fault.code if fault else None,
            fault.reason if fault else None,
        )
        self.connection.commit()

    def _fault(self, error: Exception, what: str, *, whole: bool) -> SourceFault:
        """What an error means for the reading; what it had written of a page is undone."""
        if self.connection.closed:
            raise error
        self.connection.rollback()
        if isinstance(error, SourceFault):
            return error
        log.error("Reading %s failed.", what, exc_info=error)
        reason = f"Reading {what} failed unexpectedly ({type(error).__name__}): the log of its run says where."
        return ActionRequired("unexpected", reason, whole=whole)

    def _finish(self, state: SourceState, probe: Probe | None) -> None:
        report, fault = self.report, self._worst
        report.requests = self.live.requests
        if fault is not None:
            report.state, report.code, report.reason = _state_of(fault), fault.code, fault.reason
            report.wait_until = fault.until if isinstance(fault, RetryLater) else self.now() + _pause(state.failures)
        counts = report.counts
        statistics.after_load(self.connection, "raw_items", counts.added.total() + counts.changed.total())
        sync_state.save_outcome(
            self.connection,
            self.tenant_id,
            self.source_id,
            state=report.state,
            code=report.code,
            reason=report.reason,
            wait_until=report.wait_until,
            revision=self.revision,
            details={"requests": report.requests, "pages": report.pages, "faults": report.faults},
        )
        whole = fault is None or not fault.whole
        if probe is not None and whole and not self.options.bounds:
            sync_state.save_complete(self.connection, self.source_id, probe, swept=self.options.sweep and whole)
        self.connection.commit()


def _state_of(fault: SourceFault) -> State:
    return State.NEEDS_ATTENTION if isinstance(fault, ActionRequired) else State.WAITING


def _pause(failures: int) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(failures, 10)), LONGEST_PAUSE)
