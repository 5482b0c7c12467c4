"""How many runs at once the active providers of the tenants bear."""

from sqlalchemy import select

from precedent.database.models import IntelligenceProvider
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.options import PerformanceOptions, performance_options
from precedent.tenants import tenants


def concurrent_runs(database: Database) -> dict[Capability, int]:
    """Runs at once by capability: the smallest `concurrent_runs` of the active rows of all tenants.

    The default holds where no tenant has an active row, and for a row whose options cannot be read.
    """
    found: dict[Capability, list[int]] = {capability: [] for capability in Capability}
    active = select(IntelligenceProvider.capability, IntelligenceProvider.performance_config).where(
        IntelligenceProvider.is_active
    )
    for owner in tenants.every(database):
        with database.tenant(owner.id) as session:
            for capability, performance in session.execute(active):
                found[Capability(capability or "")].append(_runs(performance))
    default = PerformanceOptions().concurrent_runs
    return {capability: min(limits, default=default) for capability, limits in found.items()}


def _runs(performance: dict[str, object]) -> int:
    try:
        return performance_options(dict(performance)).concurrent_runs
    except UsageError:  # an option of another version: the row's own commands say so
        return PerformanceOptions().concurrent_runs
