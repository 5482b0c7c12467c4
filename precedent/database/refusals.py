"""Rows that PostgreSQL refuses: those at fault are found and left out, all others are written."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg

Row = TypeVar("Row")

# What is wrong with the values themselves: their form or range, and limits such as the length of an index entry.
DATA_ERRORS = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex)


def write_sound(
    connection: "psycopg.Connection[Any]", rows: Sequence[Row], write: Callable[[Sequence[Row]], None]
) -> list[tuple[Row, Exception]]:
    """Write rows at once; where that is refused, by halves, until each row at fault is alone.

    Args:
        connection: Whoever calls commits; what is refused is rolled back to a savepoint.
        rows: The rows.
        write: Writes some of them; called again with fewer after a refusal.

    Returns:
        The rows that were refused, with the error of each.
    """
    if not rows:
        return []
    if connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
        connection.execute("SELECT")  # begins one: a savepoint that has none around it would commit by itself
    try:
        with connection.transaction():
            write(rows)
    except DATA_ERRORS as error:
        if len(rows) == 1:
            return [(rows[0], error)]
        middle = len(rows) // 2
        return write_sound(connection, rows[:middle], write) + write_sound(connection, rows[middle:], write)
    return []
