"""How far each source has been read, and what keeps it from being read further: all that is written to `sync_state`."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from precedent.errors import PrecedentError
from precedent.sources.shapes.cleaning import clean
from precedent.sources.source import Cursor, Probe

WHOLE = ""  # the stream that stands for the source as a whole
LOCK = 0x73796E63  # first key of the advisory lock of a sync; the second is the source's id
# A sync that was killed holds its lock until the server has finished the statement that it was in.
LONGEST_WAIT_MS = 30_000


class State(StrEnum):
    """What a source's owner sees of it."""

    OK = "ok"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs_attention"


LOAD = """
SELECT stream, cursor, state, code, reason, wait_until, failures, syncs, token, validators, name, last_refresh,
       swept_at, revision, fingerprint, identity
FROM sync_state WHERE source_id = %s
"""
SAVE_CURSOR = """
INSERT INTO sync_state (tenant_id, source_id, stream, cursor) VALUES (%s, %s, %s, %s)
ON CONFLICT (source_id, stream) DO UPDATE SET cursor = excluded.cursor
"""
SAVE_STREAM = """
INSERT INTO sync_state (tenant_id, source_id, stream, state, code, reason) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (source_id, stream) DO UPDATE SET state = excluded.state, code = excluded.code, reason = excluded.reason
"""
DELETE_CURSORS = "UPDATE sync_state SET cursor = NULL WHERE source_id = %s AND stream <> ''"
SAVE_WHOLE = """
INSERT INTO sync_state (tenant_id, source_id, stream, state, code, reason, wait_until, failures, revision, details)
VALUES (%(tenant)s, %(source)s, '', %(state)s, %(code)s, %(reason)s, %(wait_until)s, %(failed)s, %(revision)s,
        %(details)s)
ON CONFLICT (source_id, stream) DO UPDATE SET
  state = excluded.state, code = excluded.code, reason = excluded.reason, wait_until = excluded.wait_until,
  failures = CASE WHEN %(failed)s = 0 THEN 0 ELSE sync_state.failures + 1 END,
  revision = excluded.revision, details = excluded.details
"""
COMPLETE = """
UPDATE sync_state SET token = %(token)s, validators = %(validators)s, name = %(name)s, fingerprint = %(fingerprint)s,
  last_refresh = now(), syncs = syncs + 1, swept_at = CASE WHEN %(swept)s THEN now() ELSE swept_at END
WHERE source_id = %(source)s AND stream = ''
"""
SAVE_IDENTITY = """
INSERT INTO sync_state (tenant_id, source_id, stream, identity) VALUES (%s, %s, '', %s)
ON CONFLICT (source_id, stream) DO UPDATE SET identity = excluded.identity
"""
SAVE_NAME = "UPDATE sync_state SET name = %s WHERE source_id = %s AND stream = ''"


class SourceBusyError(PrecedentError):
    """Another sync of the same source is under way."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where the next page of a stream begins, and what kept the last sync from reading on."""

    cursor: Cursor | None = None
    state: State = State.OK
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as its last sync left it.

    `failures` counts syncs in a row that did not end well; `swept_at` is when everything that the server has was last
    looked at; `identity` is what `LiveSource.identity` said at the first sync.
    """

    state: State = State.OK
    code: str | None = None
    reason: str | None = None
    wait_until: datetime | None = None
    failures: int = 0
    syncs: int = 0
    probe: Probe | None = None
    name: str | None = None
    last_refresh: datetime | None = None
    swept_at: datetime | None = None
    revision: int | None = None
    fingerprint: str | None = None
    identity: str | None = None
    streams: dict[str, StreamState] = field(default_factory=dict)


def load(connection: "psycopg.Connection[Any]", source_id: int) -> SourceState:
    """What is known of a source; all empty before its first sync."""
    whole: Any = None
    streams: dict[str, StreamState] = {}
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        row: Any
        for row in cursor.execute(LOAD, (source_id,)):
            if row.stream == WHOLE:
                whole = row
            else:
                streams[row.stream] = StreamState(row.cursor, State(row.state), row.code, row.reason)
    if whole is None:
        return SourceState(streams=streams)
    return SourceState(
        state=State(whole.state),
        code=whole.code,
        reason=whole.reason,
        wait_until=whole.wait_until,
        failures=whole.failures,
        syncs=whole.syncs,
        probe=None if whole.token is None else Probe(whole.token, whole.validators or {}, whole.name),
        name=whole.name,
        last_refresh=whole.last_refresh,
        swept_at=whole.swept_at,
        revision=whole.revision,
        fingerprint=whole.fingerprint,
        identity=whole.identity,
        streams=streams,
    )


def lock(connection: "psycopg.Connection[Any]", source_id: int) -> None:
    """Make this connection the only one that syncs the source, until it is given back.

    Raises:
        SourceBusyError: another sync of the source is still under way after half a minute.
    """
    try:
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(LONGEST_WAIT_MS),))
        connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK, source_id))
    except psycopg.errors.LockNotAvailable:
        connection.rollback()
        raise SourceBusyError(
            "Another sync of this source is under way: look at its run, or try again later."
        ) from None
    connection.commit()


def save_cursor(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, stream: str, cursor: Cursor
) -> None:
    """Remember where the next page begins; the caller's transaction holds the page too."""
    connection.execute(SAVE_CURSOR, (tenant_id, source_id, stream, _json(cursor)))


def save_stream(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    stream: str,
    state: State,
    code: str | None = None,
    reason: str | None = None,
) -> None:
    """Save how the reading of a stream ended.

    Args:
        connection: Bound to the tenant.
        tenant_id: The tenant.
        source_id: The source.
        stream: The stream's name.
        state: How it ended.
        code: A stable word for what is wrong.
        reason: The same as a sentence.
    """
    connection.execute(SAVE_STREAM, (tenant_id, source_id, stream, state.value, code, reason))


def delete_cursors(connection: "psycopg.Connection[Any]", source_id: int) -> None:
    """Let every stream be read from its start."""
    connection.execute(DELETE_CURSORS, (source_id,))


def save_outcome(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    *,
    state: State,
    code: str | None = None,
    reason: str | None = None,
    wait_until: datetime | None = None,
    revision: int | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Save how a sync ended; one that did not end well counts as a failure.

    Args:
        connection: Bound to the tenant.
        tenant_id: The tenant.
        source_id: The source.
        state: How it ended.
        code: A stable word for what is wrong.
        reason: The same as a sentence.
        wait_until: Until when the server is to be left alone.
        revision: The edit of the source that was read; None leaves the one before.
        details: What probes compare with, by stream.
    """
    connection.execute(
        SAVE_WHOLE,
        {
            "tenant": tenant_id,
            "source": source_id,
            "state": state.value,
            "code": code,
            "reason": reason,
            "wait_until": wait_until,
            "failed": int(state is not State.OK),
            "revision": revision,
            "details": _json(details or {}),
        },
    )


def save_complete(
    connection: "psycopg.Connection[Any]",
    source_id: int,
    probe: Probe | None,
    *,
    fingerprint: str | None = None,
    swept: bool = False,
) -> None:
    """Remember what the source looked like when a sync began that reached its end; `save_outcome` came before.

    Args:
        connection: As the source's tenant.
        source_id: The source.
        probe: None where the sync was bounded: the next probe will then differ from it.
        fingerprint: Of files that were read whole; None: they must be read again.
        swept: True if everything that the server has was looked at.
    """
    connection.execute(
        COMPLETE,
        {
            "token": probe.token if probe else None,
            "validators": _json(probe.validators if probe else {}),
            "name": probe.name if probe else None,
            "fingerprint": fingerprint,
            "swept": swept,
            "source": source_id,
        },
    )


def save_name(connection: "psycopg.Connection[Any]", source_id: int, name: str) -> None:
    """Remember what the ids of a source begin with."""
    connection.execute(SAVE_NAME, (name, source_id))


def save_identity(connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, identity: str) -> None:
    """Remember what the server itself calls the source."""
    connection.execute(SAVE_IDENTITY, (tenant_id, source_id, identity))


def _json(value: dict[str, Any]) -> Jsonb:
    """What a kind remembers may hold what its server sent."""
    return Jsonb(clean(value)[0])
