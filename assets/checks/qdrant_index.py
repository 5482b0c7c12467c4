"""The check that Qdrant holds what PostgreSQL does."""

import dagster as dg

from assets.partitions import source_partitions
from precedent.errors import NotFoundError, PrecedentError
from precedent.vector_stores import repository as vector_stores
from precedent.vector_stores.comparison import compare_source
from resources.database import DatabaseResource


@dg.asset_check(asset=dg.AssetKey(["vectors", "qdrant_index"]), partitions_def=source_partitions)
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
        compared = compare_source(database.database, database.platform.settings, store, source)
    except NotFoundError:
        return dg.AssetCheckResult(passed=True, description="The tenant has no vectors yet.")
    except PrecedentError as error:
        return dg.AssetCheckResult(passed=False, description=f"It could not be compared: {error}")
    found, reason = compared.comparison, compared.reason
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
