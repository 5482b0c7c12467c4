"""Old rows of the platform's own tables, tenant by tenant under row-level security.

A batch is locked, removed and committed before the next; a row that somebody else has in hand is left to the next
time. Usage, its ledger and rejected records are not here: they are kept.
"""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg.rows import dict_row

from orchestration.maintenance.parts import Amount, Order, Place, Steps, Trouble
from precedent.errors import PrecedentError
from precedent.tenants import tenants as tenancy
from precedent.vectors import promotion
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces

BATCH = 1_000
# A table of vectors can only be dropped while nobody reads any: wait a little, then leave it to the next time.
LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"

# Documents, passages and words hang on their item and go with it. Most went when the item was marked as deleted.
TOMBSTONES = """
SELECT r.id, pg_column_size(r.payload) AS bytes,
       EXISTS (SELECT FROM documents d WHERE d.raw_item_id = r.id) AS had_document
FROM raw_items r WHERE r.deleted_at < %(before)s
"""
REMOVE_TOMBSTONES = "DELETE FROM raw_items r USING page p WHERE r.id = p.id RETURNING p.bytes, p.had_document"
# `removed_at` is when the last passage of the vector went; one that returned is no longer in the cache.
CACHED = """
SELECT k.space_id, k.content_hash, pg_column_size(k.embedding) AS bytes
FROM embedding_cache k WHERE k.removed_at < %(before)s
"""
REMOVE_CACHED = """
DELETE FROM embedding_cache k USING page p
WHERE k.space_id = p.space_id AND k.content_hash = p.content_hash RETURNING p.bytes
"""
# What a picture shows is kept in the report's figures and measures; the newest of a source stays to be looked at.
PICTURES = """
SELECT q.id, octet_length(q.plot) AS bytes FROM quality_reports q
WHERE q.plot IS NOT NULL AND q.created_at < %(before)s AND EXISTS (
  SELECT FROM quality_reports n WHERE n.source_id = q.source_id AND (n.created_at, n.id) > (q.created_at, q.id))
"""
REMOVE_PICTURES = "UPDATE quality_reports q SET plot = NULL FROM page p WHERE q.id = p.id RETURNING p.bytes"
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

Connection = psycopg.Connection[Any]
Work = Callable[[Connection, int, Order], Iterator[Amount]]


def tombstones(place: Place, order: Order) -> Steps:
    """Remove items that their source has not had for long, with everything that hangs on them."""
    return _for_every_tenant(place, order, _tombstones)


def cached_vectors(place: Place, order: Order) -> Steps:
    """Remove vectors that were kept in case their passages return, and did not."""
    return _for_every_tenant(place, order, lambda held, _, asked: _batches(held, asked, CACHED, REMOVE_CACHED))


def pictures(place: Place, order: Order) -> Steps:
    """Remove the pictures of old quality reports, not the reports, and not that of a source's newest."""
    return _for_every_tenant(place, order, lambda held, _, asked: _batches(held, asked, PICTURES, REMOVE_PICTURES))


def spaces_left(place: Place, order: Order) -> Steps:
    """Drop what is left of retired spaces; their rows and reports stay as history."""
    return _for_every_tenant(place, order, _spaces_left)


def _for_every_tenant(place: Place, order: Order, work: Work) -> Steps:
    for tenant in tenancy.list(place.database):
        try:
            with place.database.bulk(tenant.id) as connection:
                yield from work(connection, tenant.id, order)
        except (psycopg.Error, PrecedentError) as error:
            # The message of a database may quote a row: its kind has to do.
            yield Trouble(f"tenant {tenant.name} failed ({type(error.__cause__ or error).__name__})")


def _batches(
    connection: Connection,
    order: Order,
    page: str,
    remove: str,
    also: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> Iterator[Amount]:
    """Remove what `page` finds, a batch a transaction, until it finds no more.

    Args:
        connection: Bound to a tenant.
        order: What is old, and whether only to count.
        page: Finds old rows with their `bytes`.
        remove: Removes those of a page and returns their `bytes`.
        also: Is given a batch's rows before it is committed.
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
            also(rows)
            connection.commit()
            yield Amount(len(rows), sum(row["bytes"] for row in rows))


def _tombstones(connection: Connection, tenant_id: int, order: Order) -> Iterator[Amount]:
    def move_vectors(rows: list[dict[str, Any]]) -> None:
        # Passages went with their documents: their vectors move to the cache, as after any deletion.
        if any(row["had_document"] for row in rows):
            for space in spaces.list(connection):
                if space.status != "retired":
                    embeddings.remove_orphans(connection, space.id)

    return _batches(connection, order, TOMBSTONES, REMOVE_TOMBSTONES, move_vectors)


def _spaces_left(connection: Connection, tenant_id: int, order: Order) -> Iterator[Amount]:
    found = connection.execute(RETIRED, {"before": order.before}).fetchall()
    connection.commit()
    for space_id, size in found:
        if not order.dry_run:
            connection.execute(LOCK_WAIT)
            promotion.retire(connection, tenant_id, space_id)
            connection.commit()
        yield Amount(1, size)
