"""Dagster's pools by what the tenants' providers bear: how many steps at once may embed, and how many may generate.

A pool is one for the whole instance, a provider belongs to a tenant. The limit is the smallest `concurrent_runs` among
the active rows: whichever tenants' steps hold the places, none of their endpoints gets more than its row allows.
Tenants without a row have not said anything and do not count. Limits of requests and tokens hold on their own,
in the database, whatever runs at once.
"""

import dagster as dg

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.options import PerformanceOptions
from precedent.providers.config.repository import StoredProvider
from precedent.tenants import tenants as tenancy

# Named by the assets: `@dg.asset(pool=...)`.
POOLS = {Capability.EMBEDDING: "embedding_profile", Capability.TEXT_GENERATION: "intelligence_provider"}


def pool_limits(database: Database) -> dict[str, int]:
    """Steps at once by pool: the smallest of the active rows, or the default where no tenant has one."""
    found: dict[str, list[int]] = {pool: [] for pool in POOLS.values()}
    for owner in tenancy.list(database):
        for stored in repository.list(database, owner.id):
            if stored.provider.active:
                found[POOLS[stored.provider.capability]].append(_concurrent_runs(stored))
    return {pool: min(limits, default=PerformanceOptions().concurrent_runs) for pool, limits in found.items()}


def sync_pools(instance: dg.DagsterInstance, database: Database) -> dict[str, int]:
    """Make the pools' limits those of the rows; one that is right already is not touched. Returns the limits."""
    wanted = pool_limits(database)
    storage = instance.event_log_storage
    held = {pool.name: pool.limit for pool in storage.get_pool_limits() if not pool.from_default}
    for pool, limit in wanted.items():
        if held.get(pool) != limit:
            storage.set_concurrency_slots(pool, limit)
    return wanted


def _concurrent_runs(stored: StoredProvider) -> int:
    # What does not fit any more says nothing; the commands for providers tell why.
    performance = PerformanceOptions() if stored.problem else stored.provider.performance
    return performance.concurrent_runs
