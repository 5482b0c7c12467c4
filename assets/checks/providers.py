"""Checks of what serves a tenant: does it answer, and was it what was asked?"""

import dagster as dg

from assets.partitions import source_partitions
from resources.platform import DatabaseResource, ProviderRegistryResource
from resources.providers.checking import check
from resources.providers.contract import Capability
from resources.settings import Settings
from resources.stores import analyses

EMBEDDING_PROFILE = dg.AssetKey(["config", "embedding_profile"])
INTELLIGENCE_PROVIDER = dg.AssetKey(["config", "intelligence_provider"])
EMBEDDINGS = dg.AssetKey(["vectors", "embeddings"])
RECOMMENDATIONS = dg.AssetKey(["incidents", "recommendations"])


@dg.asset_check(asset=EMBEDDING_PROFILE, name="provider_reachable", partitions_def=source_partitions)
def embedding_reachable(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource, provider_registry: ProviderRegistryResource
) -> dg.AssetCheckResult:
    """The embedding provider of the source's tenant answers a small call; the call is on the ledger."""
    return reachable(context, database, provider_registry, Capability.EMBEDDING)


@dg.asset_check(asset=INTELLIGENCE_PROVIDER, name="provider_reachable", partitions_def=source_partitions)
def intelligence_reachable(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource, provider_registry: ProviderRegistryResource
) -> dg.AssetCheckResult:
    """The text provider of the source's tenant answers a small call; the call is on the ledger."""
    return reachable(context, database, provider_registry, Capability.TEXT_GENERATION)


def reachable(
    context: dg.AssetCheckExecutionContext,
    database: DatabaseResource,
    registry: ProviderRegistryResource,
    capability: Capability,
) -> dg.AssetCheckResult:
    """Ask the tenant's active provider, and nobody in its place."""
    source = database.source(context.partition_key)
    target = registry.chain(database.database, source.tenant_id, capability)[0]
    found = check(database.database, Settings.from_environment(), target)
    metadata: dict[str, dg.MetadataValue] = {
        "provider/name": dg.MetadataValue.text(target.name),
        "provider/model": dg.MetadataValue.text(target.model),
    }
    if found.latency_ms is not None:
        metadata["latency/ms"] = dg.MetadataValue.float(found.latency_ms)
    if found.dimensions is not None:
        metadata["vectors/dimensions"] = dg.MetadataValue.int(found.dimensions)
    said = f"{target.name} answered in {found.latency_ms:.0f} ms." if found.reachable else str(found.error)
    return dg.AssetCheckResult(
        passed=found.reachable,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join([said, *found.warnings]),
        metadata=metadata,
    )


@dg.asset_check(asset=RECOMMENDATIONS, name="served_as_asked", partitions_def=source_partitions)
def recommendations_served_as_asked(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource
) -> dg.AssetCheckResult:
    """Every incident's latest analysis came from the provider that was asked."""
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        found = analyses.fallbacks(connection, source.id)
    count = sum(found.values())
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"A fallback answered for {count:,} incidents: {next(iter(found))}."
        if found
        else "None fell back.",
        metadata={"fallback/incidents": count, "fallback/reasons": dg.MetadataValue.json(found)},
    )


@dg.asset_check(asset=EMBEDDINGS, name="served_as_asked", partitions_def=source_partitions)
def embeddings_served_as_asked(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource
) -> dg.AssetCheckResult:
    """The newest run's vectors came from the endpoint that was asked."""
    event = context.instance.get_latest_data_version_record(EMBEDDINGS, partition_key=context.partition_key)
    made = event.asset_materialization if event else None
    metadata = made.metadata if made else {}
    used = bool(metadata["fallback/used"].value) if "fallback/used" in metadata else False
    reason = str(metadata["fallback/reason"].value) if "fallback/reason" in metadata else ""
    return dg.AssetCheckResult(
        passed=not used,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Another endpoint served: {reason}" if used else "The endpoint that was asked served.",
    )


ALL = [embedding_reachable, intelligence_reachable, recommendations_served_as_asked, embeddings_served_as_asked]
