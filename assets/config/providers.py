"""`config/*`: what serves each tenant's embeddings and text, observed so that changes start what depends on them."""

import hashlib

import dagster as dg

from assets.partitions import source_partitions
from precedent.incidents.prompt import PROMPT_VERSION
from precedent.providers.base import Capability
from precedent.providers.runtime.endpoint import chain
from precedent.security.masking import MASKING_VERSION
from precedent.sources import repository as catalog
from precedent.tenants import policies
from resources.platform import DatabaseResource, as_failure

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
    return dg.DataVersionsByPartition(versions(database, Capability.EMBEDDING, tenants_of(context)))


@dg.observable_source_asset(
    key=["config", "intelligence_provider"],
    group_name="config",
    partitions_def=source_partitions,
    description="The text provider, model, address and prompt of each source's tenant; its data version changes when "
    "recommendations would, and not when a key is rotated or a price edited.",
)
def intelligence_provider(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.DataVersionsByPartition:
    """One data version per source: that of its tenant's text provider."""
    return dg.DataVersionsByPartition(versions(database, Capability.TEXT_GENERATION, tenants_of(context)))


def tenants_of(context: dg.AssetExecutionContext) -> frozenset[str] | None:
    """The tenants that the run is to look at; None for all."""
    named = context.run.tags.get(TENANTS_TAG)
    return frozenset(named.split(",")) if named else None


def versions(
    database: DatabaseResource, capability: Capability, tenants: frozenset[str] | None = None
) -> dict[str, dg.DataVersion]:
    """Data versions by partition key; a few queries a tenant, however many sources it has.

    An observation costs Dagster some 10 ms a partition: where only some `tenants` changed, only theirs are made.
    """
    of_tenant: dict[int, dg.DataVersion] = {}
    found: dict[str, dg.DataVersion] = {}
    with as_failure():
        for key, tenant_id in catalog.list_keys(database.database):
            if tenants is not None and key.partition("/")[0] not in tenants:
                continue
            if tenant_id not in of_tenant:
                of_tenant[tenant_id] = dg.DataVersion(version_of(database, tenant_id, capability))
            found[key] = of_tenant[tenant_id]
    return found


def version_of(database: DatabaseResource, tenant_id: int, capability: Capability) -> str:
    """What an answer of this capability depends on, hashed."""
    endpoint = chain(database.database, tenant_id, capability)[0]
    masks = policies.get(database.database, tenant_id).masks and endpoint.external
    parts = [endpoint.provider.fingerprint, f"masked{MASKING_VERSION}" if masks else "plain"]
    if capability is Capability.TEXT_GENERATION:
        parts.append(f"prompt{PROMPT_VERSION}")
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]
