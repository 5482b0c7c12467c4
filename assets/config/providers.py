"""`config/*`: what serves each tenant's embeddings and text, observed so that a change starts what depends on it."""

import hashlib

import dagster as dg

from assets.partitions import source_partitions
from precedent.incidents.prompt import PROMPT_VERSION
from precedent.providers.base import Capability
from precedent.providers.runtime.endpoint import chain
from precedent.security.masking import MASKING_VERSION
from precedent.sources import repository as sources
from precedent.tenants import policies
from resources.database import DatabaseResource
from resources.failure import as_failure

TENANTS_TAG = "precedent/tenants"  # of a run: names separated by commas


@dg.observable_source_asset(
    key=["config", "embedding_profile"],
    group_name="config",
    partitions_def=source_partitions,
    description="The embedding model, dimensions, address and masking of each source's tenant; its data version "
    "changes when vectors would, and not when a key is rotated or a price edited.",
)
def embedding_profile(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.DataVersionsByPartition:
    """One data version per source: that of its tenant's embedding provider."""
    return dg.DataVersionsByPartition(versions(context, database, Capability.EMBEDDING))


@dg.observable_source_asset(
    key=["config", "intelligence_provider"],
    group_name="config",
    partitions_def=source_partitions,
    description="The text provider, model, address and prompt of each source's tenant; its data version changes when "
    "recommendations would, and not when a key is rotated or a price edited.",
)
def intelligence_provider(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.DataVersionsByPartition:
    """One data version per source: that of its tenant's text provider."""
    return dg.DataVersionsByPartition(versions(context, database, Capability.TEXT_GENERATION))


def versions(
    context: dg.AssetExecutionContext, database: DatabaseResource, capability: Capability
) -> dict[str, dg.DataVersion]:
    """Data versions by partition key, of the tenants that the run names in its tag, or of all.

    A few queries a tenant, however many sources it has. An observation costs Dagster some 10 ms a partition: where
    only some tenants changed, only their partitions are observed.
    """
    named = context.run.tags.get(TENANTS_TAG)
    tenants = frozenset(named.split(",")) if named else None
    of_tenant: dict[int, dg.DataVersion] = {}
    found: dict[str, dg.DataVersion] = {}
    with as_failure():
        for key, tenant_id in sources.list_keys(database.database):
            if tenants is not None and key.partition("/")[0] not in tenants:
                continue
            if tenant_id not in of_tenant:
                of_tenant[tenant_id] = dg.DataVersion(version(database, tenant_id, capability))
            found[key] = of_tenant[tenant_id]
    return found


def version(database: DatabaseResource, tenant_id: int, capability: Capability) -> str:
    """A digest of all that an answer of this capability depends on."""
    endpoints = chain(database.database, tenant_id, capability)
    endpoint = endpoints[0]
    # One external endpoint is enough: what all of them are asked is masked then, or may be.
    masks = policies.get(database.database, tenant_id).masks and any(one.external for one in endpoints)
    parts = [endpoint.provider.fingerprint, f"masked{MASKING_VERSION}" if masks else "plain"]
    if capability is Capability.TEXT_GENERATION:
        parts.append(f"prompt{PROMPT_VERSION}")
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]
