"""What PostgreSQL knows of a table's rows, brought up to date where a load has changed it."""

from typing import Any

import psycopg


def after_load(connection: "psycopg.Connection[Any]", table: str, written: int) -> bool:
    """Analyse a table that has just grown by a tenth or more; says whether it did. Takes a fraction of a second."""
    row = connection.execute("SELECT analyze_if_grown(%s, %s)", (table, written)).fetchone()
    return bool(row and row[0])
