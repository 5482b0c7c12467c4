"""How far each source has been read, and what keeps it from being read further."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from precedent.sources.kind import Cursor, Probe

WHOLE = ""  # the stream that stands for the source as a whole
LOCK = 0x73796E63  # first key of the advisory lock of a sync; the second is the source's id


class State(StrEnum):
    """What a source's owner sees of it."""

    OK = "ok"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs_attention"


LOAD = """
SELECT stream, cursor, state, code, reason, wait_until, failures, syncs, token, validators, name, last_refresh,
       swept_at, revision
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
FORGET_CURSORS = "DELETE FROM sync_state WHERE source_id = %s AND stream <> ''"
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
UPDATE sync_state SET token = %(token)s, validators = %(validators)s, name = %(name)s, last_refresh = now(),
  syncs = syncs + 1, swept_at = CASE WHEN %(swept)s THEN now() ELSE swept_at END
WHERE source_id = %(source)s AND stream = ''
"""
SAVE_NAME = "UPDATE sync_state SET name = %s WHERE source_id = %s AND stream = ''"


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where the next page of a stream begins, and what kept the last sync from reading on."""

    cursor: Cursor | None = None
    state: State = State.OK
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as its last sync left it; `failures` counts syncs in a row that did not end well."""

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
    streams: dict[str, StreamState] = field(default_factory=dict)


def load(connection: "psycopg.Connection[Any]", source_id: int) -> SourceState:
    """What is known of a source; all empty before its first sync."""
    whole: tuple[Any, ...] | None = None
    streams: dict[str, StreamState] = {}
    for row in connection.execute(LOAD, (source_id,)):
        if row[0] == WHOLE:
            whole = row
        else:
            streams[row[0]] = StreamState(row[1], State(row[2]), row[4])
    if whole is None:
        return SourceState(streams=streams)
    _, _, state, code, reason, until, failures, syncs, token, validators, name, last, swept, revision = whole
    probe = Probe(token, validators or {}, name) if token is not None else None
    return SourceState(State(state), code, reason, until, failures, syncs, probe, name, last, swept, revision, streams)


def try_lock(connection: "psycopg.Connection[Any]", source_id: int) -> bool:
    """Whether this connection is now the only one that syncs the source; held until it is given back."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", (LOCK, source_id)).fetchone()
    return bool(row and row[0])


def save_cursor(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, stream: str, cursor: Cursor
) -> None:
    """Remember where the next page begins; the caller's transaction holds the page too."""
    connection.execute(SAVE_CURSOR, (tenant_id, source_id, stream, Jsonb(cursor)))


def save_stream(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    stream: str,
    state: State,
    code: str | None = None,
    reason: str | None = None,
) -> None:
    """Remember what a stream came to."""
    connection.execute(SAVE_STREAM, (tenant_id, source_id, stream, state.value, code, reason))


def forget_cursors(connection: "psycopg.Connection[Any]", source_id: int) -> None:
    """Let every stream be read from its start."""
    connection.execute(FORGET_CURSORS, (source_id,))


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
    """Remember how a sync ended; one that did not end well counts as a failure."""
    connection.execute(
        SAVE_WHOLE,
        {
            "tenant": tenant_id, "source": source_id, "state": state.value, "code": code, "reason": reason,
            "wait_until": wait_until, "failed": int(state is not State.OK), "revision": revision,
            "details": Jsonb(details or {}),
        },
    )  # fmt: skip


def save_complete(connection: "psycopg.Connection[Any]", source_id: int, probe: Probe, *, swept: bool) -> None:
    """Remember what the source looked like when a sync that reached the end of every stream began."""
    connection.execute(
        COMPLETE,
        {
            "token": probe.token, "validators": Jsonb(probe.validators), "name": probe.name, "swept": swept,
            "source": source_id,
        },
    )  # fmt: skip


def save_name(connection: "psycopg.Connection[Any]", source_id: int, name: str) -> None:
    """Remember what the ids of a source begin with."""
    connection.execute(SAVE_NAME, (name, source_id))
