"""Transactions as the application's role, each bound to one tenant."""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DatabaseError as LostInside
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from precedent.database.actor import SYSTEM, current_actor
from precedent.database.endpoints import APP_DRIVER, Endpoints, open_endpoints
from precedent.database.setup import set_up
from precedent.database.version import expected_version, version_of
from precedent.errors import DatabaseError, NotFoundError
from precedent.settings import Settings

# `true`: until the end of the transaction, `false`: for as long as the connection is used.
SET_TENANT = "SELECT set_config('precedent.tenant_id', %s, {0}), set_config('precedent.actor', %s, {0})"
HAS_DATABASE = text("SELECT EXISTS (SELECT FROM pg_database WHERE datname = :name)")
CONNECT_TIMEOUT_SECONDS = 10
DISK_FULL = "53100"
DEADLOCK = "40P01"
# What rows of a source, of its items or of their documents refer to: it goes with the source, or with its tenant.
OWNERS = ("_source_id", "_raw_item_id", "_document_id", "_tenant_id")


class Database:
    """The application's database; every transaction sees the rows of one tenant, or of none."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.engine: Engine = create_engine(
            endpoints.app.set(drivername=APP_DRIVER),
            pool_pre_ping=True,
            # A prepared statement that is used for another tenant keeps the first one's plan.
            connect_args={"prepare_threshold": None, "connect_timeout": CONNECT_TIMEOUT_SECONDS},
        )

    @classmethod
    def open(cls, settings: Settings | None = None) -> "Database":
        """Connect; start the embedded server and set up or upgrade the schema where that is needed.

        Args:
            settings: Those of the environment by default.

        Raises:
            DatabaseError: the server cannot be started, reached or set up.
        """
        database = cls(open_endpoints(settings or Settings.from_environment()))
        if not database._is_set_up():
            set_up(database.endpoints)
        return database

    def close(self) -> None:
        """Close the connections; the embedded server goes on for the other processes that use it."""
        self.engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction without a tenant: it sees the rows of the platform, and none of a tenant."""
        with translated(self.endpoints.app), Session(self.engine) as session, session.begin():
            if current_actor() is not SYSTEM:
                session.connection().exec_driver_sql(SET_TENANT.format("true"), ("", current_actor().as_setting()))
            yield session

    @contextmanager
    def tenant(self, tenant_id: int) -> Iterator[Session]:
        """A transaction as one tenant; commits at its end, rolls back on an error."""
        with translated(self.endpoints.app), Session(self.engine) as session, session.begin():
            values = (str(tenant_id), current_actor().as_setting())
            session.connection().exec_driver_sql(SET_TENANT.format("true"), values)
            yield session

    def scope(self, tenant_id: int | None) -> AbstractContextManager[Session]:
        """A transaction as one tenant, or without a tenant where the number is None."""
        return self.session() if tenant_id is None else self.tenant(tenant_id)

    @contextmanager
    def bulk(self, tenant_id: int, *, alone_on: int | None = None) -> Iterator["psycopg.Connection[Any]"]:
        """A transaction as one tenant on a psycopg connection, for COPY and server-side cursors.

        The tenant is set for the whole connection: the caller may commit and roll back in between.

        Args:
            tenant_id: The tenant.
            alone_on: The id of a source whose rows are written: waits until no other process writes them, because a
                run from the web page and a `refresh` on the command line may meet.
        """
        with translated(self.endpoints.app):
            raw = self.engine.raw_connection()
            try:
                connection = cast("psycopg.Connection[Any]", raw.driver_connection)
                connection.execute(SET_TENANT.format("false"), (str(tenant_id), current_actor().as_setting()))
                connection.commit()  # a roll back would take the tenant back with it
                if alone_on is not None:
                    connection.execute("SELECT pg_advisory_lock(%s)", (alone_on,))
                try:
                    yield connection
                    connection.commit()
                except BaseException:
                    _roll_back(connection)
                    raise
                finally:
                    if not connection.closed:
                        connection.execute("SELECT pg_advisory_unlock_all()")
                        connection.execute("RESET precedent.tenant_id; RESET precedent.actor")
                        connection.commit()
            finally:
                if raw.driver_connection is None or connection.closed:
                    raw.invalidate()
                raw.close()

    def _is_set_up(self) -> bool:
        """True if nothing has to be set up, by two small queries on the connection that is used afterwards."""
        app, dagster = self.endpoints.app, self.endpoints.dagster
        same_server = (dagster.host, dagster.port, dagster.query) == (app.host, app.port, app.query)
        try:
            with self.engine.connect() as connection:
                return version_of(connection) == expected_version() and (
                    not same_server or bool(connection.scalar(HAS_DATABASE, {"name": dagster.database}))
                )
        except SQLAlchemyError:
            return False  # no role or database yet, or no server: the set-up says which


@contextmanager
def translated(where: URL) -> Iterator[None]:
    """Turn errors of a database that is gone or full into a sentence.

    Args:
        where: The database; its password is not shown.

    Raises:
        DatabaseError: the connection was lost, the disk is full, or two transactions wait for each other.
        NotFoundError: what a row belongs to was removed meanwhile.
    """
    try:
        yield
    except (IntegrityError, psycopg.errors.ForeignKeyViolation) as error:
        if not _owner_is_gone(error.orig if isinstance(error, IntegrityError) else error):
            raise
        raise NotFoundError("The source was removed while it was worked on: nothing more of it is stored.") from error
    except (DBAPIError, psycopg.OperationalError) as error:
        found = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(found, "sqlstate", None) or getattr(found, "pgcode", None)
        if state == DEADLOCK:
            said = "Another command or run changed the same rows at the same moment: try again."
            raise DatabaseError(said) from error
        if state == DISK_FULL:
            raise DatabaseError(
                "The disk of the database is full: make room, then try again. What was stored before is kept."
            ) from error
        if not _is_lost(error, state):
            raise
        raise DatabaseError(
            f"The database at {where.render_as_string(hide_password=True)} cannot be reached: check that it runs, then "
            "try again (`precedent doctor` says more). What was stored before is kept."
        ) from error


def _owner_is_gone(error: BaseException | None) -> bool:
    """True if a row could not be written because what it belongs to was removed meanwhile."""
    return isinstance(error, psycopg.errors.ForeignKeyViolation) and str(error.diag.constraint_name).endswith(OWNERS)


def _is_lost(error: Exception, state: str | None) -> bool:
    """True if there is no connection (any more); a server that refuses one statement can be reached.

    The drivers give no state where the connection itself failed; 08 are exceptions of connections, 57P the server's
    end. psycopg2 says `DatabaseError`, and nothing more exact, of a connection that ends in the middle of a statement.
    """
    if state is not None:
        return state.startswith(("08", "57P"))
    return isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError) or type(error) is LostInside


def _roll_back(connection: "psycopg.Connection[Any]") -> None:
    """Undo what was not committed; a statement that an interrupt left running is cancelled at the server."""
    if connection.closed:
        return
    if connection.info.transaction_status is psycopg.pq.TransactionStatus.ACTIVE:
        with contextlib.suppress(psycopg.Error):
            connection.cancel()
        connection.close()
    else:
        connection.rollback()
