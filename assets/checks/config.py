"""Checks of the tenants' providers: does each of them answer?"""

from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from precedent.providers.base import Capability
from precedent.providers.config.health_check import HealthCheck, check
from precedent.sources import repository as sources
from resources.database import DatabaseResource
from resources.failure import as_failure
from resources.provider_registry import ProviderRegistryResource

MOST_SHOWN = 20


@dg.asset_check(asset=dg.AssetKey(["config", "embedding_profile"]), name="provider_reachable")
def embedding_reachable(database: DatabaseResource, provider_registry: ProviderRegistryResource) -> dg.AssetCheckResult:
    """Each tenant's embedding provider answers a small call; the call is on the tenant's ledger."""
    return reachable(database, provider_registry, Capability.EMBEDDING)


@dg.asset_check(asset=dg.AssetKey(["config", "intelligence_provider"]), name="provider_reachable")
def intelligence_reachable(
    database: DatabaseResource, provider_registry: ProviderRegistryResource
) -> dg.AssetCheckResult:
    """Each tenant's text provider answers a small call; the call is on the tenant's ledger."""
    return reachable(database, provider_registry, Capability.TEXT_GENERATION)


def reachable(
    database: DatabaseResource, registry: ProviderRegistryResource, capability: Capability
) -> dg.AssetCheckResult:
    """Ask the active provider of every tenant that has a source, each of them once and none of its fallbacks."""
    with as_failure():
        tenants = {tenant_id: key.split("/")[0] for key, tenant_id in sources.list_keys(database.database)}

    def ask(tenant_id: int) -> tuple[int, HealthCheck]:
        endpoint = registry.chain(database.database, tenant_id, capability)[0]
        return tenant_id, check(database.database, database.platform.settings, endpoint)

    with ThreadPoolExecutor(registry.asked_at_once, thread_name_prefix="reachable") as executor:
        found = dict(executor.map(ask, tenants))
    silent = {tenant_id: health for tenant_id, health in found.items() if not health.reachable}
    shown = sorted(found, key=lambda tenant_id: (tenant_id not in silent, tenants[tenant_id]))[:MOST_SHOWN]
    table = [_record(tenants[tenant_id], found[tenant_id]) for tenant_id in shown]
    errors = [f"{tenants[tenant_id]}: {health.provider}: {health.error}" for tenant_id, health in silent.items()]
    warnings = [f"{tenants[key]}: {text}" for key, health in found.items() for text in health.warnings]
    return dg.AssetCheckResult(
        passed=not silent,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join([*errors[:MOST_SHOWN], *warnings[:MOST_SHOWN]])
        or f"All {len(found):,} tenants are served.",
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
