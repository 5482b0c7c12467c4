"""The vectors of one source in Qdrant beside those in PostgreSQL."""

from contextlib import closing

from precedent.database.session import Database
from precedent.qdrant import repository as vector_stores
from precedent.qdrant import state as mirror_state
from precedent.qdrant.comparison import Comparison, compare
from precedent.qdrant.repository import StoreRow
from precedent.qdrant.state import Mirror
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from precedent.vectors import space as spaces


def compare_source(
    database: Database, settings: Settings, store: StoreRow, source: SourceRow
) -> tuple[Comparison, str | None]:
    """Compare a source's vectors of the active space with those of a store.

    Args:
        database: The platform's.
        settings: Where the key of the store is decrypted.
        store: The tenant's vector store.
        source: Whose vectors.

    Returns:
        What differs, and why search does not ask the store; None where it does.

    Raises:
        NotFoundError: nothing is embedded.
        StoreError: the store does not answer, or does not have the space.
    """
    with (
        database.bulk(store.tenant_id) as connection,
        closing(vector_stores.open_server(database, settings, store)) as server,
    ):
        space = spaces.active(connection)
        state = mirror_state.state(connection, store.id, space.id)
        collection = server.part(server.name_of(space, store.isolation), space.id)
        found = compare(connection, collection, Mirror(store.id, space.id, store.tenant_id), source.id)
    reason = (state[2] or "it is not whole") if state and not state[1] else None
    return found, reason if state else "it never had the space"
