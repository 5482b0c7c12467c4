"""Vectors that nothing uses any more: those kept in case their passages return, and those of retired spaces.

Whatever takes passages away, a change, a tombstone or a removed source, their vectors are kept alike.
"""

from collections.abc import Iterator

from precedent.database.pruning import Amount, Connection, Order, prune
from precedent.vectors import promotion
from precedent.vectors import repository as vectors
from precedent.vectors import space as spaces

# A table of vectors can only be dropped while no transaction reads it: wait a little, then leave it to the next time.
LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"
# `removed_at` is when the last passage of the vector went; a vector that returned is no longer in the cache.
CACHED = """
SELECT k.space_id, k.content_hash, pg_column_size(k.embedding) AS bytes
FROM embedding_cache k WHERE k.removed_at < %(before)s
"""
REMOVE_CACHED = """
DELETE FROM embedding_cache k USING page p
WHERE k.space_id = p.space_id AND k.content_hash = p.content_hash RETURNING p.bytes
"""
# The schema does not keep when a space was retired; it was no earlier than when it was promoted or made.
RETIRED = """
SELECT s.id, coalesce(pg_total_relation_size(to_regclass('public.embeddings_' || s.id)), 0)
FROM embedding_spaces s
WHERE s.status = 'retired' AND NOT s.held AND coalesce(s.promoted_at, s.created_at) < %(before)s AND (
  to_regclass('public.embeddings_' || s.id) IS NOT NULL
  OR EXISTS (SELECT FROM embedding_cache k WHERE k.space_id = s.id)
  OR EXISTS (SELECT FROM embedding_failures f WHERE f.space_id = s.id))
ORDER BY s.id
"""


def keep_unused(connection: Connection) -> None:
    """Move the vectors of passages that a tenant no longer has from its spaces to the cache; the caller commits."""
    for space in spaces.list(connection):
        if space.status != "retired":
            vectors.remove_orphans(connection, space.id)


def prune_cached_vectors(connection: Connection, tenant_id: int, order: Order) -> Iterator[Amount]:
    """Remove the vectors of a tenant that were kept in case their passages return, and did not."""
    return prune(connection, order, CACHED, REMOVE_CACHED)


def prune_retired_spaces(connection: Connection, tenant_id: int, order: Order) -> Iterator[Amount]:
    """Drop what is left of the retired spaces of a tenant; their rows and reports stay as history."""
    found = connection.execute(RETIRED, {"before": order.before}).fetchall()
    connection.commit()
    for space_id, size in found:
        if not order.dry_run:
            connection.execute(LOCK_WAIT)
            promotion.retire(connection, tenant_id, space_id)
            connection.commit()
        yield Amount(1, size)
