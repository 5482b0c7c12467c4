"""The schema from whatever a database has to what this release expects, in one transaction."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from precedent.database.version import (
    FUNCTIONS,
    MIGRATIONS,
    OWN_ROLE,
    SECURITY,
    expected_version,
    run_files,
    version_of,
)
from precedent.errors import DatabaseError

# A process of the release before may hold a table; its transactions are short.
LOCK_TIMEOUT = "60s"
# The application's role of the embedded server.
FIRST_ROLE = "precedent_app"


def upgrade(connection: Connection, app_role: str | None = None) -> None:
    """Create or upgrade the schema in the caller's transaction: it is done as a whole or not at all.

    Args:
        connection: A connection as the owner of the tables, with a transaction.
        app_role: The role that is given the application's rights; by default the one of the embedded server.

    Raises:
        DatabaseError: the schema is of a release that this one cannot upgrade.
    """
    if version_of(connection) == expected_version():
        return
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    role = app_role or FIRST_ROLE
    connection.exec_driver_sql("SELECT set_config('precedent.app_role', %s, true)", (role,))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    _refuse_unknown_revision(connection, ScriptDirectory.from_config(config))
    run_files(connection, SECURITY)
    command.upgrade(config, "head")
    run_files(connection, FUNCTIONS)
    if role != FIRST_ROLE:
        run_files(connection, OWN_ROLE)
    connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{expected_version()}'")


def _refuse_unknown_revision(connection: Connection, scripts: ScriptDirectory) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = sorted(script.revision for script in scripts.walk_revisions())
    if found is None or found in known:
        return
    if found < known[0]:
        raise DatabaseError(
            f"The database has schema {found}, and this release upgrades from {known[0]} on: start the release "
            f"that made {known[0]} once, then this one. Nothing was changed."
        )
    raise DatabaseError(
        f"The database has schema {found}, which is newer than this release ({known[-1]}): start the release that "
        "made it, or restore a backup. Nothing was changed."
    )
