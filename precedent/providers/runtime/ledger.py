"""The admission of a call and its row on the ledger, both in PostgreSQL, so that all processes share them.

One function call before (breaker, limits, budget) and one after (usage row, reservation, health): two round trips,
on connections that are kept, are all that metering adds.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import orjson
import psycopg

from precedent.database.session import Database
from precedent.errors import DatabaseError
from precedent.providers.config.options import PerformanceOptions

T = TypeVar("T")
# Of one ledger; PostgreSQL has a hundred for all processes by default.
MOST_CONNECTIONS = 8
ADMIT = "SELECT * FROM admit_call(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
SETTLE = "SELECT settle_call(%s::jsonb, %s, %s, %s, %s, %s, %s, %s)"
# The database refuses what a row holds, not the connection: another row may pass.
REFUSED = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.InternalError,
    psycopg.ProgrammingError,
    ValueError,
    TypeError,
)
PAUSE = """
INSERT INTO provider_health (tenant_id, provider, revision, wait_until)
VALUES (%(tenant)s, %(provider)s, %(edit)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (tenant_id, provider) DO UPDATE SET
  wait_until = greatest(provider_health.wait_until, excluded.wait_until)
"""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Who calls and for what; written to the ledger.

    Attributes:
        tenant_id: The tenant.
        route: The kind of work: `etl` or `interactive`.
        dagster_run_id: The Dagster run, where one calls.
        asset: The asset, where one calls.
        partition: The asset's partition.
        source: The source that the texts belong to; None for a text of no source, such as a query.
    """

    tenant_id: int
    route: str = "interactive"
    dagster_run_id: str | None = None
    asset: str | None = None
    partition: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What a call was told.

    Attributes:
        verdict: `go`, or why not: `open` (breaker), `limit`, `budget`, `unpriced`.
        wait_s: Seconds until the call may be made, or until it may be asked for again.
        reservation: The money that was set aside, to be freed by `settle`; None where there is no budget.
        detail: More about a refusal.
        is_trial: Whether this call tries a breaker whose pause is over.
    """

    verdict: str
    wait_s: float
    reservation: int | None
    detail: str | None
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """One row of `usage_records`, by the names of its columns; prices in USD, per token where they are unit prices.

    `call_id` makes writing it twice harmless: the database's answer may be lost after the row was written.
    `revision` is the provider's `edit_id`.
    """

    call_id: UUID
    provider: str
    driver: str
    model: str
    revision: str
    operation: str
    route: str
    latency_ms: float
    attempts: int
    status: str
    inputs: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    tokens_estimated: bool = False
    cost_usd: Decimal | None = None
    cost_source: str | None = None
    input_price_usd: Decimal | None = None
    output_price_usd: Decimal | None = None
    cached_price_usd: Decimal | None = None
    failure: str | None = None
    http_status: int | None = None
    masked: int = 0
    dagster_run_id: str | None = None
    asset: str | None = None
    partition: str | None = None

    def minimal(self) -> "UsageEntry":
        """The call without what came from outside, of unknown cost: for a database that refuses the whole row."""
        return UsageEntry(
            call_id=self.call_id,
            provider=self.provider,
            driver=self.driver,
            model=self.model,
            revision=self.revision,
            operation=self.operation,
            route=self.route,
            latency_ms=0.0,
            attempts=self.attempts,
            status=self.status,
            tokens_estimated=True,
            failure=self.failure,
            dagster_run_id=self.dagster_run_id,
            asset=self.asset,
            partition=self.partition,
        )


class Ledger:
    """Admission and ledger of one tenant, on connections of their own; safe to use from several threads.

    A thread that asks has a connection to itself, so that it does not wait for another one's row to reach the disk.
    Connections are kept. There are as many as threads that asked at once, up to a bound: a connection is held for the
    few milliseconds of a question, never while a provider is called.
    """

    def __init__(self, database: Database, tenant_id: int) -> None:
        self.tenant_id = tenant_id
        self._database = database
        self._idle: list[psycopg.Connection[Any]] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def admit(
        self,
        provider: str,
        edit_id: str,
        performance: PerformanceOptions,
        *,
        tokens: int,
        amount: Decimal | None,
        free: bool,
        retry: bool = False,
        reservation: int | None = None,
    ) -> Admission:
        """Ask for a call; a slot and the money are kept for the caller where the verdict is `go`.

        Args:
            provider: The provider's name.
            edit_id: Its present edit; a breaker that another edit has opened does not count.
            performance: How it is called.
            tokens: Estimated input tokens.
            amount: The most that the call may cost in USD with all its attempts so far and the next one, or None where
                that is not known.
            free: Whether it costs nothing: no budget is asked.
            retry: Whether this is a further attempt of a call that was admitted: limits and budget apply.
            reservation: What was set aside for the attempts before; it is raised to `amount`.

        Raises:
            DatabaseError: the database is gone.
        """
        values = (
            provider,
            edit_id,
            performance.requests_per_minute,
            performance.tokens_per_minute,
            tokens,
            amount,
            free,
            performance.reserved_s,
            performance.longest_wait_s,
            retry,
            reservation,
        )
        row = self._execute(lambda connection: connection.execute(ADMIT, values).fetchone())
        if row is None:
            raise DatabaseError("The ledger gave no answer: try again.")
        return Admission(row[0], float(row[1] or 0), row[2], row[3], bool(row[4]))

    def settle(
        self,
        entry: UsageEntry,
        reservation: int | None,
        outcome: str,
        performance: PerformanceOptions,
        why: str | None = None,
        *,
        kept: Decimal = Decimal(0),
        is_trial: bool = False,
    ) -> None:
        """Write a call's usage row, free its reservation and record what it says of the provider's health.

        A row that the database refuses is written without what came from outside: the call was made all the same.

        Args:
            entry: The row.
            reservation: What `admit` has set aside.
            outcome: In the words of `settle_call`: `ok`, `answered`, `outage`, `refuses` or `other`.
            performance: How the provider is called.
            why: The error, where there was one.
            kept: USD that stay set aside where the cost is not known: the most that the call may have cost.
            is_trial: What `admit` said.

        Raises:
            DatabaseError: the database is gone, or takes not even the smallest row.
        """

        def write(row: UsageEntry, kept: Decimal | None, why: str | None) -> None:
            record = orjson.dumps(row, default=str).decode()
            limits = (performance.opens_after, performance.cooldown_s)
            values = (record, reservation, kept, is_trial, outcome, *limits, why)
            self._execute(lambda connection: connection.execute(SETTLE, values))

        try:
            write(entry, kept, why)
        except REFUSED:
            try:
                write(entry.minimal(), None, None)
            except REFUSED as error:
                raise DatabaseError(f"The ledger does not take the row of a call to {entry.provider}.") from error

    def pause(self, provider: str, edit_id: str, seconds: float) -> None:
        """Keep every process from calling before a Retry-After has passed."""
        values = {"tenant": self.tenant_id, "provider": provider, "edit": edit_id, "seconds": seconds}
        self._execute(lambda connection: connection.execute(PAUSE, values))

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _execute(self, work: Callable[["psycopg.Connection[Any]"], T]) -> T:
        """Run on a kept connection; a lost one is opened again, so that a call that was paid gets its row."""
        for attempt in range(4):
            try:
                with self._places, self._connection() as connection:
                    return work(connection)
            except psycopg.OperationalError as error:
                self.close()
                if attempt == 3:
                    raise DatabaseError(
                        "The ledger cannot be written because the database is gone: check that it runs, then try again."
                    ) from error
                time.sleep(0.2 * 4**attempt)
        raise AssertionError  # pragma: no cover - the loop returns or raises

    @contextmanager
    def _connection(self) -> "Iterator[psycopg.Connection[Any]]":
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None or connection.closed:
            connection = self._open()
        try:
            yield connection
        finally:
            # Not idle is one whose query was interrupted: it cannot be used again.
            if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()

    def _open(self) -> "psycopg.Connection[Any]":
        dsn = self._database.endpoints.app.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(dsn, autocommit=True, connect_timeout=10)
        connection.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(self.tenant_id),))
        return connection
