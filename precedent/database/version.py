"""Which schema a database has, and which one this release expects.

The schema is made of SQL files. Tables are created once, by the initial revision, and changed by later ones. Functions
and triggers are replaced as a whole whenever their files or the newest revision change: their text has one home.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

FOLDER = Path(__file__).parent
MIGRATIONS = FOLDER / "migrations"
SECURITY = "schema/security.sql"
TABLES = "schema/tables/*.sql"
FUNCTIONS = "schema/functions/*.sql"
OWN_ROLE = "schema/own_role.sql"

# A comment, and not a row: the question needs no table, no rights and no error where there is no schema yet.
VERSION = text("SELECT obj_description(to_regclass('public.alembic_version'), 'pg_class')")


def version_of(connection: Connection) -> str | None:
    """The version of the database's schema; None without a schema, or with one of the first release."""
    version: str | None = connection.scalar(VERSION)
    return version


@cache
def expected_version() -> str:
    """The newest revision and a digest of the functions: `0005-1f2e3d4c`."""
    newest = max(file.stem for file in (MIGRATIONS / "versions").glob("r*.py"))
    digest = sha256()
    for pattern in (SECURITY, FUNCTIONS):
        for file in sorted(FOLDER.glob(pattern)):
            digest.update(file.read_bytes())
    return f"{newest[1:5]}-{digest.hexdigest()[:8]}"


def run_files(connection: Connection, pattern: str) -> None:
    """Run the SQL files that match a pattern in this folder, in the order of their names."""
    # Straight to the driver: the files hold colons and per cent signs that are not parameters.
    driver: Any = connection.connection.driver_connection
    for file in sorted(FOLDER.glob(pattern)):
        driver.execute(file.read_text(encoding="utf-8"))
