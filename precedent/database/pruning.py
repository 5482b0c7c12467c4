"""Removing old rows of one tenant in batches, each in a transaction of its own, or counting them by the same query."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

BATCH = 1_000
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Amount:
    """How much one batch removed, or would remove: rows or files, and about how many bytes they had as stored."""

    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class OldRows:
    """Which rows of a table are old, and how they are removed.

    Attributes:
        page: A SELECT of the rows that were old before `%(before)s`, with their size in the column `bytes`.
        remove: A statement that removes the rows of the CTE `page` and returns `bytes` of each.
    """

    page: str
    remove: str


def prune(
    connection: Connection,
    rows: OldRows,
    before: datetime,
    *,
    dry_run: bool,
    also: Callable[[list[dict[str, Any]]], None] | None = None,
) -> Iterator[Amount]:
    """Remove what is old, a batch a transaction, until nothing old is left.

    A row that another transaction has locked is left to the next time.

    Args:
        connection: Bound to a tenant.
        rows: Which rows, of which table.
        before: The moment before which they are old.
        dry_run: Count, and change nothing.
        also: Is given what `remove` returned of a batch, before the batch is committed.
    """
    values = {"before": before, "size": BATCH}
    if dry_run:
        with connection.cursor(name="page", row_factory=dict_row) as cursor:
            cursor.execute(rows.page, values)
            while found := cursor.fetchmany(BATCH):
                yield _amount(found)
        return
    statement = f"WITH page AS ({rows.page} LIMIT %(size)s FOR UPDATE SKIP LOCKED) {rows.remove}"
    with connection.cursor(row_factory=dict_row) as cursor:
        while found := cursor.execute(statement, values).fetchall():
            if also:
                also(found)
            connection.commit()
            yield _amount(found)


def _amount(rows: list[dict[str, Any]]) -> Amount:
    return Amount(len(rows), sum(row["bytes"] for row in rows))
