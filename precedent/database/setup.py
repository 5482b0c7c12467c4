"""From an empty server to a migrated one: databases, roles, Alembic. Safe to call at every start."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import SQLAlchemyError

from precedent.database.endpoints import APP_DRIVER, APP_ROLE, DAGSTER_ROLE, Endpoints
from precedent.errors import DatabaseError

MIGRATIONS = Path(__file__).parent / "migrations"
SETUP_LOCK = 0x70726563  # any constant of our own: two set-ups at once wait for each other


def migrate(endpoints: Endpoints) -> None:
    """Create what is missing and bring the schema to its newest revision.

    Raises:
        DatabaseError: the server cannot be reached, or the owner may not create what is needed.
    """
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    if _current(endpoints.app) == head and _reachable(endpoints.dagster):
        return
    try:
        _create_roles_and_databases(endpoints)
        engine = create_engine(endpoints.owner.set(drivername=APP_DRIVER))
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (SETUP_LOCK,))
                config = _alembic()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            engine.dispose()
    except (psycopg.Error, SQLAlchemyError) as error:
        where = endpoints.owner.render_as_string(hide_password=True)
        raise DatabaseError(
            f"The database at {where} could not be set up ({_first_line(error)}): check that the server runs, "
            "that the URL's user owns the database and may create roles, and that pgvector is available."
        ) from error


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _current(url: URL) -> str | None:
    try:
        with psycopg.connect(_dsn(url), connect_timeout=10) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except psycopg.Error:
        return None


def _reachable(url: URL) -> bool:
    try:
        with psycopg.connect(_dsn(url), connect_timeout=10):
            return True
    except psycopg.Error:
        return False


def _create_roles_and_databases(endpoints: Endpoints) -> None:
    home = endpoints.owner.set(database="postgres") if endpoints.embedded else endpoints.owner
    with psycopg.connect(_dsn(home), autocommit=True, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (SETUP_LOCK,))
        for role, url in ((APP_ROLE, endpoints.app), (DAGSTER_ROLE, endpoints.dagster)):
            if url.username != role:
                continue  # a DBA's own role: not ours to make
            _create_role(connection, role, url)
        for database, owner in (
            (endpoints.owner.database, None),
            (endpoints.dagster.database, endpoints.dagster.username),
        ):
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if not found and database:
                statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
                if owner:
                    statement += sql.SQL(" OWNER {}").format(sql.Identifier(owner))
                connection.execute(statement)


def _create_role(connection: psycopg.Connection, role: str, url: URL) -> None:
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS").format(name))
        if role == DAGSTER_ROLE:
            # A server's owner that is no superuser must belong to a role to give it a database.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
    if url.password:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(str(url.password))))


def _dsn(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
