"""The usage of all tenants in one report: each tenant is read as that tenant, one after the other."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from precedent.database.session import Database
from precedent.providers.billing import usage as ledger
from precedent.providers.billing.plots import Latency, latencies_of
from precedent.providers.billing.usage import Cell, Figures, Period
from precedent.tenants import budgets, tenants
from precedent.tenants.budgets import Budget


@dataclass(slots=True)
class UsageReport:
    """What calls have used and cost; providers are named `tenant/provider`.

    Attributes:
        period: The days that are covered.
        cells: Figures by provider, model, operation, asset and day.
        latencies: How quickly each provider answered.
        budgets: This month's money by tenant.
    """

    period: Period
    cells: list[Cell] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    budgets: dict[str, Budget] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """A digest of the figures."""
        digest = hashlib.sha256()
        for cell in self.cells:
            digest.update(json.dumps(asdict(cell), default=str, sort_keys=True).encode())
        return digest.hexdigest()[:16]


def usage_report(database: Database, days: int) -> UsageReport:
    """The usage of all tenants.

    Args:
        database: The platform's.
        days: Days of UTC, today included.
    """
    with database.session() as session:
        connection: Any = session.connection().connection.driver_connection
        report = UsageReport(Period.whole_days(days, ledger.now(connection)))
    for tenant in tenants.list(database):
        with database.bulk(tenant.id) as connection:
            found = ledger.cells(connection, report.period)
            by_provider, _ = ledger.grouped(connection, report.period, "provider")
            report.budgets[tenant.name] = budgets.get(connection)
        report.cells += [replace(cell, provider=f"{tenant.name}/{cell.provider}") for cell in found]
        report.latencies += latencies_of(by_provider, f"{tenant.name}/")
    return report


def sums(cells: Sequence[Cell], key: Callable[[Cell], tuple[str, ...]]) -> list[tuple[tuple[str, ...], Figures]]:
    """The cells added up by a key, the most expensive first."""
    found: dict[tuple[str, ...], Figures] = {}
    for cell in cells:
        found[key(cell)] = found.get(key(cell), Figures()) + cell.figures
    return sorted(found.items(), key=lambda item: (-item[1].known_usd, -item[1].calls, item[0]))


def budgets_in_order(budgets: Iterable[tuple[str, Budget]]) -> list[tuple[str, Budget]]:
    """The tenants that have spent something or have a limit, the fullest budget first."""
    used = [(name, budget) for name, budget in budgets if budget.spent_usd or budget.limit_usd is not None]
    return sorted(used, key=lambda item: (-(item[1].share or 0), -item[1].spent_usd, item[0]))
