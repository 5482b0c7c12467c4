"""The records of a source that could not be read."""

from typing import Any

import psycopg

BY_REASON = "SELECT reason, count(*) FROM rejected_records WHERE source_id = %s GROUP BY reason"


def by_reason(connection: "psycopg.Connection[Any]", source_id: int) -> dict[str, int]:
    """How many records of a source could not be read, by reason."""
    return dict(connection.execute(BY_REASON, (source_id,)).fetchall())
