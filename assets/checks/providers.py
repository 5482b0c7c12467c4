"""Checks of what serves a tenant: does it answer, and did the provider answer that was asked?"""

from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from assets.partitions import source_partitions
from precedent.incidents import repository as analyses
from precedent.providers.base import Capability
from precedent.providers.config.health_check import HealthCheck, check
from precedent.settings import Settings
from precedent.sources import repository as catalog
from resources.platform import DatabaseResource, ProviderRegistryResource, as_failure

EMBEDDING_PROFILE = dg.AssetKey(["config", "embedding_profile"])
INTELLIGENCE_PROVIDER = dg.AssetKey(["config", "intelligence_provider"])
EMBEDDINGS = dg.AssetKey(["vectors", "embeddings"])
AT_ONCE = 4
MOST_SHOWN = 20
RECOMMENDATIONS = dg.AssetKey(["incidents", "recommendations"])


@dg.asset_check(asset=EMBEDDING_PROFILE, name="provider_reachable")
def embedding_reachable(database: DatabaseResource, provider_registry: ProviderRegistryResource) -> dg.AssetCheckResult:
    """Each tenant's embedding provider answers a small call; the call is on the tenant's ledger."""
    return reachable(database, provider_registry, Capability.EMBEDDING)


@dg.asset_check(asset=INTELLIGENCE_PROVIDER, name="provider_reachable")
def intelligence_reachable(
    database: DatabaseResource, provider_registry: ProviderRegistryResource
) -> dg.AssetCheckResult:
    """Each tenant's text provider answers a small call; the call is on the tenant's ledger."""
    return reachable(database, provider_registry, Capability.TEXT_GENERATION)


def reachable(
    database: DatabaseResource, registry: ProviderRegistryResource, capability: Capability
) -> dg.AssetCheckResult:
    """Ask the active provider of every tenant that has a source, once each, and none of its fallbacks."""
    with as_failure():
        tenants = {tenant_id: key.split("/")[0] for key, tenant_id in catalog.list_keys(database.database)}
        settings = Settings.from_environment()

    def ask(tenant_id: int) -> tuple[int, HealthCheck]:
        endpoint = registry.chain(database.database, tenant_id, capability)[0]
        return tenant_id, check(database.database, settings, endpoint)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="reachable") as executor:
        found = dict(executor.map(ask, tenants))
    silent = {tenant_id: health for tenant_id, health in found.items() if not health.reachable}
    shown = sorted(found, key=lambda tenant_id: (tenant_id not in silent, tenants[tenant_id]))[:MOST_SHOWN]
    table = [_record(tenants[tenant_id], found[tenant_id]) for tenant_id in shown]
    said = [f"{tenants[tenant_id]}: {health.provider}: {health.error}" for tenant_id, health in silent.items()]
    warned = [f"{tenants[key]}: {text}" for key, health in found.items() for text in health.warnings]
    return dg.AssetCheckResult(
        passed=not silent,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join([*said[:MOST_SHOWN], *warned[:MOST_SHOWN]]) or f"All {len(found):,} tenants are served.",
        metadata={
            "providers/asked": len(found),
            "providers/silent": len(silent),
            "providers": dg.MetadataValue.table(table or [dg.TableRecord({"tenant": "none yet"})]),
        },
    )


def _record(tenant: str, health: HealthCheck) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "tenant": tenant,
            "provider": health.provider,
            "model": health.model or "",
            "answers": health.reachable,
            "latency_ms": health.latency_ms or 0.0,
            "dimensions": health.dimensions or 0,
        }
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
