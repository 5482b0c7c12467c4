"""A tenant's money of the current month of UTC: what is spent, set aside and left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from sqlalchemy import text

from precedent.database.session import Database
from precedent.errors import DatabaseError, UsageError

OF_TENANT = """
WITH now AS (SELECT budget_month(clock_timestamp()) AS month)
SELECT now.month, (SELECT b.spent_usd FROM budget_months b WHERE b.month = now.month),
  (SELECT coalesce(sum(r.amount_usd), 0) FROM budget_reservations r
   WHERE r.month = now.month AND r.expires_at > clock_timestamp()),
  (SELECT p.monthly_budget_usd FROM ai_policies p WHERE p.source_id IS NULL),
  (SELECT count(*) FROM usage_records u
   WHERE u.cost_usd IS NULL AND u.created_at >= now.month::timestamp AT TIME ZONE 'UTC')
FROM now
"""
OF_ALL = text("SELECT * FROM budgets_this_month()")


@dataclass(frozen=True, slots=True)
class Budget:
    """A tenant's money of the current month of UTC, in USD.

    Attributes:
        month: Its first day.
        spent_usd: Cost of the calls that were made.
        reserved_usd: Set aside for calls under way; what has expired does not count.
        limit_usd: None without a budget.
        unpriced_calls: Calls of the month whose cost is unknown; they are not part of `spent_usd`.
    """

    month: date
    spent_usd: Decimal
    reserved_usd: Decimal
    limit_usd: Decimal | None
    unpriced_calls: int

    @property
    def share(self) -> float | None:
        """How much of the limit is spent or reserved: 1 is all; None without a limit, or with a limit of 0."""
        if not self.limit_usd:
            return None
        return float((self.spent_usd + self.reserved_usd) / self.limit_usd)


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What a tenant with a budget has used of it this month, in USD."""

    tenant_id: int
    tenant: str
    month: date
    used_usd: Decimal
    limit_usd: Decimal

    @property
    def share(self) -> float:
        """1 is all of it; a budget of 0 is used up from the start."""
        return float(self.used_usd / self.limit_usd) if self.limit_usd else 1.0


def get(connection: "psycopg.Connection[Any]") -> Budget:
    """The money of the tenant that the connection belongs to.

    Raises:
        DatabaseError: the ledger gave no row.
    """
    row = connection.execute(OF_TENANT).fetchone()
    if row is None:  # pragma: no cover - the query has one row
        raise DatabaseError("The ledger gave no answer: try again.")
    month, spent, reserved, limit, unpriced = row
    return Budget(month, spent or Decimal(0), reserved, limit, unpriced)


def list(database: Database) -> Sequence[BudgetUse]:
    """The tenants that have a budget, in one round trip."""
    with database.session() as session:
        return [BudgetUse(*row) for row in session.execute(OF_ALL)]


def parse(amount: str) -> Decimal | None:
    """A budget in USD a month; None for the word `none`, which lifts it.

    Raises:
        UsageError: it is not an amount.
    """
    if amount == "none":
        return None
    try:
        found = Decimal(amount)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0:
        raise UsageError(f"A budget is an amount of USD a month or `none`, not {amount!r}.")
    return found
