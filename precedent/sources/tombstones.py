"""Items that their source has not had for long: they go with everything that hangs on them."""

from collections.abc import Iterator

from precedent.database.pruning import Amount, Connection, Order, Rows, prune
from precedent.vectors import expiry

# Documents, passages and words hang on their item and go with it. Most went when the item was marked as deleted.
PAGE = """
SELECT r.id, pg_column_size(r.payload) AS bytes,
       EXISTS (SELECT FROM documents d WHERE d.raw_item_id = r.id) AS had_document
FROM raw_items r WHERE r.deleted_at < %(before)s
"""
REMOVE = "DELETE FROM raw_items r USING page p WHERE r.id = p.id RETURNING p.bytes, p.had_document"


def prune_tombstones(connection: Connection, tenant_id: int, order: Order) -> Iterator[Amount]:
    """Remove the items of a tenant that have been gone for long."""

    def move_vectors(rows: Rows) -> None:
        # Passages went with their documents.
        if any(row["had_document"] for row in rows):
            expiry.keep_unused(connection)

    return prune(connection, order, PAGE, REMOVE, move_vectors)
