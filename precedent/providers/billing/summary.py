"""What a tenant's calls have used and cost in a period, read in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from precedent.database.session import Database
from precedent.providers.billing import usage as ledger
from precedent.providers.billing.usage import Line, Period
from precedent.tenants import budgets
from precedent.tenants.budgets import Budget


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of a period.

    Attributes:
        period: From when to when, UTC.
        by: What the lines are grouped by.
        lines: Figures by group, the most expensive first; by `day` in order of time.
        total: The sum of the lines.
        budget: The tenant's money of the current month, whatever the period.
    """

    period: Period
    by: str
    lines: Sequence[Line]
    total: Line
    budget: Budget


def usage(database: Database, tenant_id: int, period: str, by: str) -> Usage:
    """A tenant's usage.

    Args:
        database: The platform's.
        tenant_id: The tenant.
        period: As `Period.parse` reads it.
        by: `provider`, `model`, `asset`, `day` or `operation`.

    Raises:
        UsageError: there is no such period or group.
    """
    with database.bulk(tenant_id) as connection:
        span = Period.parse(period, ledger.now(connection))
        lines, total = ledger.grouped(connection, span, by)
        return Usage(span, by, lines, total, budgets.get(connection))
