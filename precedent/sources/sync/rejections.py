"""The records of a source that could not be read, and those that could but have no text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

NO_TEXT = "no_text"
BY_REASON = "SELECT reason, count(*) FROM rejected_records WHERE source_id = %s GROUP BY reason"
DELETE_NO_TEXT = f"DELETE FROM rejected_records WHERE source_id = %s AND reason = '{NO_TEXT}'"  # noqa: S608 - a constant
INSERT_NO_TEXT = """
INSERT INTO rejected_records (tenant_id, source_id, file, line, reason, detail) VALUES (%s, %s, %s, 1, %s, %s)
"""
LIST = """
SELECT file, line, reason, detail, created_at FROM rejected_records WHERE source_id = %s ORDER BY id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that could not be read.

    Attributes:
        file: Where it stands.
        line: On which line.
        reason: A stable word for programs.
        detail: The sentence; never what the record holds.
        created_at: When it was read.
    """

    file: str
    line: int
    reason: str
    detail: str
    created_at: datetime


def list(connection: "psycopg.Connection[Any]", source_id: int, limit: int) -> Sequence[Rejection]:
    """The newest records of a source that could not be read."""
    return [Rejection(*row) for row in connection.execute(LIST, (source_id, limit))]


def by_reason(connection: "psycopg.Connection[Any]", source_id: int) -> dict[str, int]:
    """How many records of a source could not be read, by reason."""
    return dict(connection.execute(BY_REASON, (source_id,)).fetchall())


def replace_no_text(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int, items: Sequence[tuple[str, str, Exception]]
) -> None:
    """Save which stored records have no document, in place of those of the last extraction, which tries them all.

    Args:
        connection: Bound to the tenant.
        tenant_id: The tenant.
        source_id: The source.
        items: Kind and external id of each, and the error that its extraction ended with.
    """
    connection.execute(DELETE_NO_TEXT, (source_id,))
    for kind, external_id, error in items:
        detail = f"No text can be made of the record ({type(error).__name__}): the next refresh tries again."
        connection.execute(INSERT_NO_TEXT, (tenant_id, source_id, f"{kind}/{external_id}", NO_TEXT, detail))
