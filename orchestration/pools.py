"""Dagster's pools by what the tenants' providers bear: how many steps at once may embed, and how many may generate.

A pool is one for the whole instance, a provider belongs to a tenant. The limit is the smallest `concurrent_runs` among
the active rows: whichever tenants' steps hold the places, none of their endpoints gets more than its row allows. A
tenant without a row does not count. Limits of requests and tokens hold on their own, in the database, however many
steps run at once.
"""

import dagster as dg

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config.concurrency import concurrent_runs

# Named by the assets: `source_asset(..., pool=...)`.
POOLS = {Capability.EMBEDDING: "embedding_profile", Capability.TEXT_GENERATION: "intelligence_provider"}


def pool_limits(database: Database) -> dict[str, int]:
    """Steps at once by pool."""
    return {POOLS[capability]: limit for capability, limit in concurrent_runs(database).items()}


def sync_pools(instance: dg.DagsterInstance, database: Database) -> dict[str, int]:
    """Make the pools' limits those of the rows; one that is right already is not touched. Returns the limits."""
    wanted = pool_limits(database)
    storage = instance.event_log_storage
    held = {pool.name: pool.limit for pool in storage.get_pool_limits() if not pool.from_default}
    for pool, limit in wanted.items():
        if held.get(pool) != limit:
            storage.set_concurrency_slots(pool, limit)
    return wanted
