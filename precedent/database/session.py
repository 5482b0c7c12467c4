"""Transactions as the application's role, each bound to one tenant."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from precedent.database.endpoints import APP_DRIVER, Endpoints, open_endpoints
from precedent.database.setup import migrate
from precedent.errors import DatabaseError
from precedent.settings import Settings

SET_TENANT = "SELECT set_config('precedent.tenant_id', %s, true)"


class Database:
    """The application's database; every transaction sees one tenant's rows, or none at all."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.engine: Engine = create_engine(
            endpoints.app.set(drivername=APP_DRIVER),
            pool_pre_ping=True,
            # A prepared statement reused across tenants keeps the first one's plan.
            connect_args={"prepare_threshold": None},
        )

    @classmethod
    def open(cls, settings: Settings | None = None) -> "Database":
        """Start the server if need be, migrate it, and connect.

        Raises:
            DatabaseError: the server cannot be started, reached or set up.
        """
        endpoints = open_endpoints(settings or Settings.from_environment())
        migrate(endpoints)
        return cls(endpoints)

    def close(self) -> None:
        """Close the connections; the embedded server is left to its other holders."""
        self.engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction without a tenant: only the list of tenants can be seen."""
        with self._translated(), Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def tenant(self, tenant_id: int) -> Iterator[Session]:
        """A transaction as one tenant; commits at its end, rolls back on an error."""
        with self.session() as session:
            session.execute(text("SELECT set_config('precedent.tenant_id', :id, true)"), {"id": str(tenant_id)})
            yield session

    @contextmanager
    def bulk(self, tenant_id: int, *, alone_on: int | None = None) -> Iterator["psycopg.Connection[Any]"]:
        """The same on a psycopg connection, for COPY and server-side cursors.

        The tenant holds for the whole connection, so that the caller may commit in between. With `alone_on`, a
        source's id, it waits until nobody else rewrites that source's rows: a run from the web page and a
        `refresh` on the command line may meet.
        """
        with self._translated():
            raw = self.engine.raw_connection()
            try:
                connection = cast("psycopg.Connection[Any]", raw.driver_connection)
                connection.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(tenant_id),))
                if alone_on is not None:
                    connection.execute("SELECT pg_advisory_lock(%s)", (alone_on,))
                try:
                    yield connection
                    connection.commit()
                except BaseException:
                    _give_up(connection)
                    raise
                finally:
                    if not connection.closed:
                        connection.execute("SELECT pg_advisory_unlock_all()")
                        connection.execute("RESET precedent.tenant_id")
                        connection.commit()
            finally:
                if raw.driver_connection is None or connection.closed:
                    raw.invalidate()
                raw.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, psycopg.OperationalError) as error:
            where = self.endpoints.app.render_as_string(hide_password=True)
            raise DatabaseError(
                f"The database at {where} cannot be reached: check that it runs, then try again "
                "(`precedent doctor` says more)."
            ) from error


def _give_up(connection: "psycopg.Connection[Any]") -> None:
    """Undo what was not committed; a statement that an interrupt left running is stopped at the server too."""
    if connection.closed:
        return
    if connection.info.transaction_status is psycopg.pq.TransactionStatus.ACTIVE:
        with contextlib.suppress(psycopg.Error):
            connection.cancel()
        connection.close()
    else:
        connection.rollback()
