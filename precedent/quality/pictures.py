"""The pictures of old quality reports: they go, the reports stay."""

from collections.abc import Iterator

from precedent.database.pruning import Amount, Connection, Order, prune

# What a picture shows is kept in the report's figures and measures; the newest one of a source stays to be looked at.
PAGE = """
SELECT q.id, octet_length(q.plot) AS bytes FROM quality_reports q
WHERE q.plot IS NOT NULL AND q.created_at < %(before)s AND EXISTS (
  SELECT FROM quality_reports n WHERE n.source_id = q.source_id AND (n.created_at, n.id) > (q.created_at, q.id))
"""
REMOVE = "UPDATE quality_reports q SET plot = NULL FROM page p WHERE q.id = p.id RETURNING p.bytes"


def prune_pictures(connection: Connection, tenant_id: int, order: Order) -> Iterator[Amount]:
    """Remove the pictures of a tenant's old quality reports, except that of each source's newest report."""
    return prune(connection, order, PAGE, REMOVE)
