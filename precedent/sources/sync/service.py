"""Reading a source into rows: files as a whole, servers from where the last sync stopped."""

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from precedent.database.session import Database
from precedent.errors import DatabaseError, NotFoundError, PrecedentError
from precedent.progress import Progress
from precedent.settings import Settings
from precedent.sources import repository
from precedent.sources.records import RawKind
from precedent.sources.repository import SourceRow
from precedent.sources.source import FileSource, LiveSource, Probe
from precedent.sources.sync import raw_items
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.live import Sync
from precedent.sources.sync.options import SyncOptions
from precedent.sources.sync.raw_items import SyncCounts
from precedent.sources.sync.state import SourceBusyError, State


@dataclass(slots=True)
class Reading:
    """What reading a source did, and the state that it is in now; `skipped` where nothing had changed."""

    counts: SyncCounts = field(default_factory=SyncCounts)
    live: bool = False
    skipped: bool = False
    state: State = State.OK
    reason: str | None = None
    wait_until: datetime | None = None
    requests: int = 0
    pages: int = 0


def read_source(
    database: Database, source: SourceRow, options: SyncOptions, kinds: frozenset[RawKind], log: logging.Logger
) -> Reading:
    """Store what is new in a source of any kind.

    Args:
        database: The database.
        source: The source.
        options: What to do beyond reading what is new.
        kinds: What to keep of files; the streams of a server depend on one another and are always read together.
        log: Where progress goes.

    Raises:
        SourceBusyError: another sync of the source is under way.
        SourceError: there are no files to read.
        UsageError: its kind cannot be used, or its configuration does not fit it.
        Exception: whatever else happens; it is saved as the state of the source before.
    """
    try:
        if source.live:
            return _live(database, source, options, log)
        opened = repository.opened(source)
        assert not isinstance(opened, LiveSource)  # noqa: S101 - decided by the row's kind
        return _files(database, source, opened, options, kinds, log)
    except SourceBusyError:
        raise
    except Exception as error:
        # Without a database, or when the source was removed meanwhile, there is nowhere to save it: the error says so.
        with suppress(DatabaseError, NotFoundError, psycopg.Error):
            _save_failure(database, source, error)
        raise


def _save_failure(database: Database, source: SourceRow, error: Exception) -> None:
    """Save that a sync failed: a source whose last sync did not end well is never `ok`."""
    unexpected = f"Reading failed unexpectedly ({type(error).__name__}): the log of its run says where."
    with database.bulk(source.tenant_id) as connection:
        sync_state.save_outcome(
            connection,
            source.tenant_id,
            source.id,
            state=State.NEEDS_ATTENTION,
            code="unreadable" if isinstance(error, PrecedentError) else "unexpected",
            reason=str(error) if isinstance(error, PrecedentError) else unexpected,
            revision=source.revision,
        )


def _live(database: Database, source: SourceRow, options: SyncOptions, log: logging.Logger) -> Reading:
    progress = Progress("raw", None, log.info)
    with database.bulk(source.tenant_id) as connection:
        known = sync_state.load(connection, source.id)
        connection.commit()
        conditional = options.conditional(known, datetime.now(UTC))
        live = repository.opened(source, known.name, conditional=conditional)
        assert isinstance(live, LiveSource)  # noqa: S101 - decided by the row's kind
        try:
            report = Sync(
                connection,
                source.tenant_id,
                source.id,
                live,
                options,
                revision=source.revision,
                max_body_bytes=Settings.from_environment().max_body_bytes,
                progress=lambda n: progress.advance(n - progress.rows),
            ).run()
        finally:
            live.close()
    log.info(progress.line())
    if report.renamed:
        log.warning("The source is called %s now, not %s any more: its items were renamed.", *reversed(report.renamed))
    for stream, reason in report.faults.items():
        log.warning("%s of %s: %s", stream, source.key, reason)
    if report.reason:
        log.warning("%s is in state %s: %s What was fetched is kept.", source.key, report.state.value, report.reason)
    counts = report.counts
    written = counts.added.total() + counts.changed.total() + counts.deleted.total()
    return Reading(
        counts,
        live=True,
        skipped=report.state is State.OK and not written,
        state=report.state,
        reason=report.reason,
        wait_until=report.wait_until,
        requests=report.requests,
        pages=report.pages,
    )


def _files(
    database: Database,
    source: SourceRow,
    reader: FileSource,
    options: SyncOptions,
    kinds: frozenset[RawKind],
    log: logging.Logger,
) -> Reading:
    whole = kinds == frozenset(RawKind) and not options.bounds
    probe = Probe(reader.quick_fingerprint(), {})
    fingerprint = reader.fingerprint()
    progress = Progress("raw", reader.estimate(), log.info)
    with database.bulk(source.tenant_id) as connection:
        sync_state.lock(connection, source.id)
        unchanged = sync_state.load(connection, source.id).fingerprint == fingerprint and not options.full_refresh
        if unchanged:
            counts = SyncCounts(rejected=raw_items.rejected_count(connection, source.id))
        else:
            counts = raw_items.store_all(
                connection,
                source.tenant_id,
                source.id,
                reader.read(),
                kinds=kinds,
                bounds=options.bounds,
                full_refresh=options.full_refresh,
                progress=lambda n: progress.advance(n - progress.rows),
            )
        sync_state.save_outcome(connection, source.tenant_id, source.id, state=State.OK, revision=source.revision)
        if unchanged or whole:
            sync_state.save_complete(connection, source.id, probe, fingerprint=fingerprint)
        else:
            sync_state.save_complete(connection, source.id, None)
    if unchanged:
        log.info("%s holds what it held at the last refresh: nothing was read.", source.key)
    else:
        log.info(progress.line())
    if counts.deletions_held_back:
        log.warning("Items missing from this pass were not removed: it was bounded in time or had unreadable records.")
    return Reading(counts, skipped=unchanged)
