"""How many runs at once the active providers of the tenants bear."""

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.options import PerformanceOptions
from precedent.tenants import tenants


def concurrent_runs(database: Database) -> dict[Capability, int]:
    """Runs at once by capability: the smallest `concurrent_runs` of the active providers of all tenants.

    The default holds where no tenant has an active provider, and for one whose stored options no longer fit: the
    commands for providers say why.
    """
    default = PerformanceOptions().concurrent_runs
    found: dict[Capability, list[int]] = {capability: [] for capability in Capability}
    for owner in tenants.list(database):
        for stored in repository.list(database, owner.id):
            if stored.provider.active:
                runs = default if stored.problem else stored.provider.performance.concurrent_runs
                found[stored.provider.capability].append(runs)
    return {capability: min(limits, default=default) for capability, limits in found.items()}
