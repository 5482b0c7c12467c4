"""The check of the tenants' budgets."""

from collections.abc import Sequence
from decimal import Decimal

import dagster as dg

from precedent.providers.billing.usage import money
from precedent.tenants import budgets
from precedent.tenants.budgets import BudgetUse
from resources.platform import DatabaseResource, as_failure

USAGE_COST = dg.AssetKey(["reports", "usage_cost"])
WARN_AT = 0.8


@dg.asset_check(asset=USAGE_COST, name="within_budget")
def within_budget(database: DatabaseResource) -> dg.AssetCheckResult:
    """No tenant has used 80 % of its budget of this month (a warning), let alone all of it (an error)."""
    with as_failure():
        return verdict(budgets.list(database.database))


def verdict(found: Sequence[BudgetUse]) -> dg.AssetCheckResult:
    """What the tenants' money of this month comes to, the fullest budget first."""
    near = sorted((b for b in found if b.share >= WARN_AT), key=lambda b: (-b.share, b.tenant))
    spent = [budget for budget in near if budget.share >= 1]
    said = [
        f"{b.tenant} has used {100 * min(b.share, 99.99):.0f} % of {money(b.limit_usd)} USD"
        f" ({money(max(b.limit_usd - b.used_usd, Decimal(0)))} left)."
        for b in near
    ]
    return dg.AssetCheckResult(
        passed=not near,
        severity=dg.AssetCheckSeverity.ERROR if spent else dg.AssetCheckSeverity.WARN,
        description=" ".join(said) or f"None of {len(found):,} budgets is used to {100 * WARN_AT:.0f} %.",
        metadata={"budgets": len(found), "near": len(near) - len(spent), "exhausted": len(spent)},
    )


ALL = [within_budget]
