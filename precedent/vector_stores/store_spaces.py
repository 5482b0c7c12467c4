"""Which spaces a store holds, and whether search may ask it for them: the table `vector_store_spaces`.

The caller commits.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

TO_MIRROR = """
SELECT s.id FROM embedding_spaces s
WHERE s.status IN ('active', 'building') OR (s.status <> 'retired' AND EXISTS (
  SELECT FROM vector_store_spaces v WHERE v.store_id = %(store)s AND v.space_id = s.id))
ORDER BY s.status = 'active' DESC, s.id
"""
GONE = """
SELECT v.space_id, v.collection FROM vector_store_spaces v
LEFT JOIN embedding_spaces s ON s.id = v.space_id AND s.status <> 'retired'
WHERE v.store_id = %(store)s AND s.id IS NULL
"""
HELD = "SELECT space_id, collection FROM vector_store_spaces WHERE store_id = %(store)s ORDER BY space_id"
SAVE = """
INSERT INTO vector_store_spaces (store_id, space_id, tenant_id, collection, reason)
VALUES (%(store)s, %(space)s, %(tenant)s, %(collection)s, 'it is being filled for the first time')
ON CONFLICT (store_id, space_id) DO UPDATE SET collection = excluded.collection
"""
SET_UNREADY = """
UPDATE vector_store_spaces SET ready = false, reason = %(reason)s WHERE store_id = %(store)s AND space_id = %(space)s
"""
SET_READY = """
UPDATE vector_store_spaces SET ready = true, reason = NULL, recall = %(recall)s, compared_at = now()
WHERE store_id = %(store)s AND space_id = %(space)s
"""
GET = "SELECT collection, ready, reason FROM vector_store_spaces WHERE store_id = %(store)s AND space_id = %(space)s"
DELETE = "DELETE FROM vector_store_spaces WHERE store_id = %(store)s AND space_id = %(space)s"


@dataclass(frozen=True, slots=True)
class StoreSpace:
    """A tenant's space in a store."""

    store_id: int
    space_id: int
    tenant_id: int

    def values(self, **more: Any) -> dict[str, Any]:
        """The parameters of a statement."""
        return {"store": self.store_id, "space": self.space_id, "tenant": self.tenant_id, **more}


@dataclass(frozen=True, slots=True)
class SpaceState:
    """Where a store holds a space, whether search may ask for it there, and why not."""

    collection: str
    ready: bool
    reason: str | None


def to_mirror(connection: Connection, store_id: int) -> list[int]:
    """Ids of the tenant's spaces that a store is to hold, the active one first."""
    return [row[0] for row in connection.execute(TO_MIRROR, {"store": store_id})]


def held(connection: Connection, store_id: int, *, gone: bool = False) -> list[tuple[int, str]]:
    """Id and collection of the spaces that a store holds; with `gone` only those that PostgreSQL has no more."""
    return connection.execute(GONE if gone else HELD, {"store": store_id}).fetchall()


def get(connection: Connection, store_id: int, space_id: int) -> SpaceState | None:
    """How a store holds a space; None where it never had it."""
    row = connection.execute(GET, {"store": store_id, "space": space_id}).fetchone()
    return SpaceState(*row) if row else None


def save(connection: Connection, this: StoreSpace, collection: str) -> None:
    """Record that a store is to hold a space in a collection."""
    connection.execute(SAVE, this.values(collection=collection))


def delete(connection: Connection, store_id: int, space_id: int) -> None:
    """Record that a store holds a space no longer."""
    connection.execute(DELETE, {"store": store_id, "space": space_id})


def set_ready(connection: Connection, this: StoreSpace, recall: float | None) -> None:
    """Let search ask for a space, with the recall that was measured."""
    connection.execute(SET_READY, this.values(recall=recall))


def set_unready(connection: Connection, this: StoreSpace, reason: str) -> None:
    """Keep search from asking for a space."""
    connection.execute(SET_UNREADY, this.values(reason=reason))
