"""The check that Qdrant holds what PostgreSQL does."""

from contextlib import closing

import dagster as dg

from assets.partitions import source_partitions
from precedent.database.session import Database
from precedent.errors import NotFoundError, PrecedentError
from precedent.qdrant import repository as vector_stores
from precedent.qdrant import state as synced
from precedent.qdrant.comparison import Comparison, compare
from precedent.qdrant.repository import StoreRow
from precedent.qdrant.state import Mirror
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from precedent.vectors import space as spaces
from resources.platform import DatabaseResource

QDRANT_INDEX = dg.AssetKey(["vectors", "qdrant_index"])


@dg.asset_check(asset=QDRANT_INDEX, name="qdrant_matches_postgres", partitions_def=source_partitions)
def qdrant_matches_postgres(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Every vector of the source is in Qdrant, nothing else of the tenant is, and a sample of the vectors agrees."""
    source = database.source(context.partition_key)
    store = vector_stores.active(database.database, source.tenant_id)
    if store is None:
        return dg.AssetCheckResult(
            passed=True,
            description="The tenant's vectors are in PostgreSQL only.",
            metadata={"qdrant/configured": False},
        )
    try:
        found, reason = compare_source(database.database, Settings.from_environment(), store, source)
    except NotFoundError:
        return dg.AssetCheckResult(passed=True, description="The tenant has no vectors yet.")
    except PrecedentError as error:
        return dg.AssetCheckResult(passed=False, description=f"It could not be compared: {error}")
    differences = [*found.differences, *([f"search does not ask it: {reason}"] if reason else [])]
    agree = f"All {found.vectors:,} vectors are in {store.name}, and {found.sampled:,} of them were compared."
    return dg.AssetCheckResult(
        passed=not differences,
        description=f"{store.name}: {'; '.join(differences)}." if differences else agree,
        metadata={
            "qdrant/configured": True,
            "qdrant/ready": reason is None,
            **{f"qdrant/{name}": getattr(found, name) for name in ("vectors", "points", "extra", "misplaced")},
            "qdrant/sampled": found.sampled,
            "qdrant/differing": found.differing,
            "qdrant/lowest_cosine": found.lowest if found.lowest is not None else 1.0,
        },
    )


def compare_source(
    database: Database, settings: Settings, store: StoreRow, source: SourceRow
) -> tuple[Comparison, str | None]:
    """A source's vectors in the active space beside those of the store, and why search does not ask it, if so.

    Raises:
        NotFoundError: nothing is embedded.
        StoreError: the store does not answer, or does not have the space.
    """
    with (
        database.bulk(store.tenant_id) as connection,
        closing(vector_stores.open_server(database, settings, store)) as server,
    ):
        space = spaces.active(connection)
        state = synced.state(connection, store.id, space.id)
        collection = server.part(server.name_of(space, store.isolation), space.id)
        this = Mirror(store.id, space.id, store.tenant_id)
        found = compare(connection, collection, this, source.id)
    reason = (state[2] or "it is not whole") if state and not state[1] else None
    return found, reason if state else "it never had the space"


ALL = [qdrant_matches_postgres]
