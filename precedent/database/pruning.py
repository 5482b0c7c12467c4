"""Removing old rows of one tenant in batches, each in a transaction of its own, or counting them by the same query."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

BATCH = 1_000
Connection = psycopg.Connection[Any]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be removed: things that were old `before` a moment; with `dry_run` they are only counted."""

    before: datetime
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """How much one batch removed, or would remove: rows or files, and about how many bytes they had as stored."""

    count: int = 0
    bytes: int = 0


def prune(
    connection: Connection, order: Order, page: str, remove: str, also: Callable[[Rows], None] | None = None
) -> Iterator[Amount]:
    """Remove old rows, a batch a transaction, until none is left; a locked row is left to the next time.

    Args:
        connection: Bound to a tenant.
        order: What is old, and whether only to count.
        page: A SELECT of the rows that were old before `%(before)s`, with their size in the column `bytes`.
        remove: A statement that removes the rows of the CTE `page` and returns `bytes` of each.
        also: Is given what `remove` returned of a batch, before the batch is committed.
    """
    values = {"before": order.before, "size": BATCH}
    if order.dry_run:
        with connection.cursor(name="page", row_factory=dict_row) as cursor:
            cursor.execute(page, values)
            while rows := cursor.fetchmany(BATCH):
                yield Amount(len(rows), sum(row["bytes"] for row in rows))
        return
    statement = f"WITH page AS ({page} LIMIT %(size)s FOR UPDATE SKIP LOCKED) {remove}"
    with connection.cursor(row_factory=dict_row) as cursor:
        while rows := cursor.execute(statement, values).fetchall():
            if also:
                also(rows)
            connection.commit()
            yield Amount(len(rows), sum(row["bytes"] for row in rows))
