"""Titles of documents."""

from collections.abc import Sequence
from typing import Any

import psycopg

NEWEST = """
SELECT d.title FROM documents d JOIN integrations i ON i.id = d.source_id WHERE i.name = ANY(%s)
ORDER BY d.created_at DESC NULLS LAST LIMIT 1
"""


def newest_title(connection: "psycopg.Connection[Any]", sources: Sequence[str]) -> str | None:
    """The title of the newest document of some of a tenant's sources; None where there is no document.

    Args:
        connection: Bound to the tenant.
        sources: Names of sources.
    """
    row = connection.execute(NEWEST, (list(sources),)).fetchone()
    return str(row[0]) if row else None
