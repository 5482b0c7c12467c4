"""The nearest passages by a tenant's store: content hashes, which search then joins with what PostgreSQL knows of them.

Filters stay in PostgreSQL: ask for more hashes than results where one is given. The store answers only for a space
that is whole there; where it does not, the caller goes on with PostgreSQL and says why.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.qdrant.client import Server
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.vector_stores import store_spaces
from precedent.vector_stores.connection import open_server
from precedent.vector_stores.repository import StoreRow, active, check_place
from precedent.vectors.space import Space

# The nearest passages to a vector: content hashes with their cosine similarity, best first.
Hits = list[tuple[bytes, float]]
# A store that is down costs one search its time limit, and the following ones nothing.
PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A tenant's store and its server."""

    row: StoreRow
    server: Server


@dataclass(frozen=True, slots=True)
class Answer:
    """What the store said.

    Attributes:
        hits: For each query the nearest content hashes with their cosine similarity, best first; None where the
            store was not asked or did not answer.
        reason: Why there are none; None where the tenant has no store.
        store: The store's name, where there is one.
    """

    hits: list[Hits] | None = None
    reason: str | None = None
    store: str | None = None


_open: dict[int, OpenStore] = {}
_paused: dict[tuple[int, int], tuple[float, str]] = {}
_lock = threading.Lock()


def nearest(store: OpenStore, space: Space, vector: NDArray[np.float32], limit: int) -> Hits:
    """The `limit` nearest content hashes to a vector of shape (dimensions,), best first, with their cosine similarity.

    Raises:
        StoreError: the store did not answer in time, or not properly.
    """
    name = store.server.name_of(space, store.row.isolation)
    return store.server.part(name, space.id).search(vector, limit)


def nearest_or_reason(
    database: Database,
    settings: Settings,
    tenant_id: int,
    space: Space,
    vectors: Sequence[NDArray[np.float32]],
    limit: int,
) -> Answer:
    """The same for several vectors by the tenant's active store; an error of the store becomes the answer's reason.

    Args:
        database: Where the rows are.
        settings: Where the keys are.
        tenant_id: Who asks.
        space: The space that the vectors belong to.
        vectors: Each of shape (dimensions,).
        limit: How many hashes for each.
    """
    row = active(database, tenant_id)
    if row is None:
        return Answer()
    if reason := _resting(row):
        return Answer(None, reason, row.name)
    with database.bulk(tenant_id) as connection:
        state = store_spaces.get(connection, row.id, space.id)
    if state is None or not state.ready:
        why = (state and state.reason) or "it does not have it yet: refresh the tenant's sources"
        return Answer(None, f"The vector store {row.name} is not asked for space {space.id}: {why}.", row.name)
    try:
        store = _opened(database, settings, row)
        return Answer([nearest(store, space, vector, limit) for vector in vectors], None, row.name)
    except PrecedentError as error:
        with _lock:
            _paused[row.id, row.revision] = (time.monotonic() + PAUSE_S, str(error))
        return Answer(None, str(error), row.name)


def _resting(row: StoreRow) -> str | None:
    until, reason = _paused.get((row.id, row.revision), (0.0, ""))
    return reason if time.monotonic() < until else None


def _opened(database: Database, settings: Settings, row: StoreRow) -> OpenStore:
    """The row's server, shared by the process; made anew when the row was edited."""
    check_place(policies.get(database, row.tenant_id), row.url)
    with _lock:
        found = _open.get(row.id)
        if found is None or found.row.revision != row.revision:
            found = _open[row.id] = OpenStore(row, open_server(database, settings, row))
        return found
