"""From an empty server to one with the roles, databases and schema that the platform needs."""

import psycopg
from psycopg import sql
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import SQLAlchemyError

from precedent.database.endpoints import APP_DRIVER, Endpoints, app_role, dagster_role
from precedent.errors import DatabaseError

LOCK = 0x70726563  # any constant of our own: of two set-ups at once the second waits, and finds nothing left to do


def set_up(endpoints: Endpoints) -> None:
    """Create what is missing and upgrade the schema; may be repeated.

    Raises:
        DatabaseError: the server cannot be reached, the owner may not create what is needed, or the schema is of a
            release that this one cannot upgrade.
    """
    from precedent.database.upgrade import upgrade

    try:
        _create_roles_and_databases(endpoints)
        engine = create_engine(endpoints.owner.set(drivername=APP_DRIVER))
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                upgrade(connection, app_role=endpoints.app.username)
        finally:
            engine.dispose()
    except (psycopg.Error, SQLAlchemyError) as error:
        where = endpoints.owner.render_as_string(hide_password=True)
        cause = getattr(error, "orig", None) or error
        if isinstance(cause, psycopg.errors.LockNotAvailable):
            raise DatabaseError(
                f"The schema of {where} could not be upgraded, because another process uses its tables: stop it "
                "(`precedent down`), then try again. Nothing was changed."
            ) from error
        raise DatabaseError(
            f"The database at {where} could not be set up ({_first_line(cause)}): check that the server runs, "
            "that the URL's user owns the database and may create roles, and that pgvector is available."
        ) from error


def _create_roles_and_databases(endpoints: Endpoints) -> None:
    home = endpoints.owner.set(database="postgres") if endpoints.embedded else endpoints.owner
    dsn = home.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        name = endpoints.owner.database
        # Any other role is made by the database's administrator.
        if endpoints.app.username == app_role(name):
            _create_role(connection, endpoints.app)
        if endpoints.dagster.username == dagster_role(name):
            _create_role(connection, endpoints.dagster)
            # A server's owner that is no superuser must belong to a role to give it a database.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(dagster_role(name))))
        for database, owner, user in (
            (name, None, endpoints.app.username),
            (endpoints.dagster.database, endpoints.dagster.username, endpoints.dagster.username),
        ):
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if not found and database:
                statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
                if owner:
                    statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
                connection.execute(statement)
            if database and user:
                _keep_others_out(connection, database, user)


def _keep_others_out(connection: psycopg.Connection, database: str, user: str) -> None:
    """Let of other roles only one connect: by default each of a server may, and make temporary tables."""
    owned = connection.execute(
        "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = %s", (database,)
    ).fetchone()
    if owned and owned[0]:  # otherwise it is for the database's administrator to say
        name, role = sql.Identifier(database), sql.Identifier(user)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, role))


def _create_role(connection: psycopg.Connection, url: URL) -> None:
    name = sql.Identifier(str(url.username))
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (url.username,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(name))
    if url.password:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(str(url.password))))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
