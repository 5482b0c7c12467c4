"""A sync of a live source: pages into rows, a cursor after each, and a state that says how it ended.

A page and the cursor behind it are one transaction: whatever kills a sync, it goes on from the last page that was
stored. What fails in one stream leaves the others readable; what was fetched is kept in any case.

A cursor brings what is new, and a sweep what no cursor can see; neither believes a server that has lost most of what
was read from it.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from precedent.clock import TimeBounds
from precedent.database import statistics
from precedent.errors import ActionRequired, RetryLater, SourceFault
from precedent.settings import DEFAULT_MAX_BODY_BYTES
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.source import LiveSource, Probe, Stream, replaced
from precedent.sources.sync import raw_pages as pages
from precedent.sources.sync import state as sync_state
from precedent.sources.sync import sweep
from precedent.sources.sync.options import SyncOptions
from precedent.sources.sync.raw_items import SyncCounts
from precedent.sources.sync.state import SourceState, State, StreamState

log = logging.getLogger(__name__)
SUDDEN_LOSS = "sudden_loss"
# So many items may go without a question, whatever share of a stream they are; a later sweep brings them back.
FEW = 5
# A source whose owner must act is asked again now and then: tokens are also renewed on the server's side.
FIRST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=24)


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
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
        progress: Callable[[int], None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.connection = connection
        self.tenant_id, self.source_id = tenant_id, source_id
        self.live = live
        self.options = options or SyncOptions()
        self.revision = revision
        self.max_body_bytes = max_body_bytes
        self.progress = progress
        self.now = now
        self.report = SyncReport()
        self._worst: SourceFault | None = None
        self._unswept = False
        # Whether the owner was asked about a sudden loss by the sync before, and whether one is open in this sync.
        self._asked_before = self._disbelieved = False

    def run(self) -> SyncReport:
        """Read every stream as far as it goes; commits after each page.

        Whatever goes wrong becomes the state of the stream or of the source, and the other streams are read.

        Raises:
            SourceBusyError: another sync of this source is under way.
            psycopg.OperationalError: the connection to the database was lost.
            psycopg.errors.ForeignKeyViolation: the source was removed meanwhile.
        """
        sync_state.lock(self.connection, self.source_id)
        state = sync_state.load(self.connection, self.source_id)
        self._asked_before = any(known.code == SUDDEN_LOSS for known in state.streams.values())
        probe: Probe | None = None
        try:
            probe = self.live.probe(None if self.options.full_refresh else state.probe)
            self._check_identity(state)
            self._follow_name(state, probe)
            if self.options.full_refresh and not self.options.bounds:
                state = self._begun_anew(state)
            for stream in self.live.streams():
                self._read(stream, state)
        except Exception as error:  # whatever a kind of source does with what a server sends
            self._worst = self._fault(error, "the source", whole=True)
        self._finish(state, probe)
        return self.report

    def _check_identity(self, state: SourceState) -> None:
        """Keep what the server calls the source at the first sync; what it calls otherwise later is another source."""
        identity = self.live.identity()
        if state.identity is None and identity is not None:
            sync_state.save_identity(self.connection, self.tenant_id, self.source_id, identity)
            self.connection.commit()
        elif state.identity != identity:
            raise replaced(f"The server's number of this source was {state.identity} and is {identity} now")

    def _begun_anew(self, state: SourceState) -> SourceState:
        """Without cursors and rejections; a loss that waits for confirmation goes on waiting."""
        sync_state.delete_cursors(self.connection, self.source_id)
        pages.delete_rejected(self.connection, self.source_id)
        self.connection.commit()
        return replace(state, streams={name: replace(known, cursor=None) for name, known in state.streams.items()})

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
        known = state.streams.get(stream.name, StreamState())
        try:
            self._pages(stream, known)
            if stream.sweeps and (self.options.sweeps or self._asked_before):
                self._sweep(stream)
        except Exception as error:  # as in `run`, but the streams behind this one can be read
            fault = self._fault(error, stream.name, whole=False)
            self._disbelieved = self._disbelieved or SUDDEN_LOSS in {fault.code, known.code}
            self.report.faults[stream.name] = fault.reason
            self._save_stream(stream, known, fault)
            if fault.whole:
                raise
            self._worst = self._worst or fault
            self._unswept = self._unswept or isinstance(fault, RetryLater)
        else:
            self._save_stream(stream, known, None)

    def _pages(self, stream: Stream, known: StreamState) -> None:
        bounds = self.options.bounds
        cursor = None if bounds else known.cursor
        buried = 0
        for page in self.live.pages(stream, cursor, since=bounds.after if bounds else None):
            self._store(stream, page.records, bounds)
            deleted = pages.tombstone(self.connection, self.source_id, page.gone)
            if deleted:
                buried += sum(deleted[kind] for kind in stream.kinds)
                self._check_loss(stream, buried, self._held(stream))
                self.report.counts.deleted += deleted
            if not bounds:
                sync_state.save_cursor(self.connection, self.tenant_id, self.source_id, stream.name, page.cursor)
            self.connection.commit()
            self.report.pages += 1
            self.progress(self.report.counts.read.total())

    def _store(
        self, stream: Stream, records: Iterable[RawRecord | RejectedRecord], bounds: TimeBounds | None = None
    ) -> None:
        pages.store_page(
            self.connection,
            self.tenant_id,
            self.source_id,
            stream.name,
            records,
            self.report.counts,
            bounds=bounds,
            everything=self.options.full_refresh,
            max_body_bytes=self.max_body_bytes,
        )

    def _sweep(self, stream: Stream) -> None:
        """Compare what is held of a stream with all that the server lists, see the module `sweep`."""
        store = partial(self._store, stream)
        missing = sweep.store_differing(self.connection, self.source_id, self.live, stream, store)
        self._check_loss(stream, len(missing), self._held(stream) - len(missing))
        for kind, external_id in missing:
            # A list that changes while it is paged may lack an item that is there.
            if self.live.gone(stream, kind, external_id):
                item = [(kind, external_id)]
                self.report.counts.deleted += pages.tombstone(self.connection, self.source_id, item)
                self.connection.commit()

    def _held(self, stream: Stream) -> int:
        return pages.held(self.connection, self.source_id, stream.name, stream.kinds)

    def _check_loss(self, stream: Stream, lost: int, left: int) -> None:
        """Raise where more would go than stays: a server that has lost its data says the same as one without any.

        What it says of the streams behind is then not believed either.
        """
        bearable = 0 if self._disbelieved else max(FEW, left)
        if lost <= bearable or self.options.confirm_loss:
            return
        raise ActionRequired(
            SUDDEN_LOSS,
            f"The server no longer has {lost:,} of {lost + left:,} items of {stream.name}: they were kept. If they are "
            "really gone, say so with `precedent refresh SOURCE --confirm-loss`. Otherwise look at the server: each "
            "sync compares again.",
            whole=False,
        )

    def _save_stream(self, stream: Stream, known: StreamState, fault: SourceFault | None) -> None:
        state = State.OK if fault is None else _state_of(fault)
        code = fault.code if fault else None
        if fault and known.code == SUDDEN_LOSS:
            code = SUDDEN_LOSS  # until a sweep has come to its end, whatever else goes wrong meanwhile
        sync_state.save_stream(
            self.connection,
            self.tenant_id,
            self.source_id,
            stream.name,
            state,
            code,
            fault.reason if fault else None,
        )
        self.connection.commit()

    def _fault(self, error: Exception, what: str, *, whole: bool) -> SourceFault:
        """What an error means for the reading; what it had written of a page is undone."""
        if self.connection.closed or isinstance(error, psycopg.errors.ForeignKeyViolation):
            raise error  # there is nowhere to save a state: the database is gone, or the source
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
            first = not any(known.cursor for known in state.streams.values())
            swept = (self.options.sweeps or first) and not self._unswept
            sync_state.save_complete(self.connection, self.source_id, probe, swept=swept)
        self.connection.commit()


def _state_of(fault: SourceFault) -> State:
    return State.NEEDS_ATTENTION if isinstance(fault, ActionRequired) else State.WAITING


def _pause(failures: int) -> timedelta:
    return min(FIRST_PAUSE * (1 << min(failures, 10)), LONGEST_PAUSE)
