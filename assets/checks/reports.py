"""Checks of the reports: are the vectors good enough, and is there money left?"""

from collections.abc import Sequence
from decimal import Decimal

import dagster as dg

from assets.partitions import source_partitions
from precedent.providers.billing.usage import money
from precedent.quality import repository as reports
from precedent.quality import thresholds
from precedent.quality.verdicts import verdict_of
from precedent.tenants import budgets
from precedent.tenants.budgets import BudgetUse
from precedent.vectors import repository as vectors
from resources.database import DatabaseResource
from resources.failure import as_failure

WARN_AT = 0.8


@dg.asset_check(asset=dg.AssetKey(["reports", "vector_quality"]), blocking=True, partitions_def=source_partitions)
def quality_score(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """The newest report of the source passes its gates, under the thresholds that hold now."""
    source = database.source(context.partition_key)
    with database.connection(source) as connection:
        report = reports.latest(connection, source.id)
        judged = report is not None and vectors.coverage(connection, source.id, report.space_id).chunks > 0
        limits = thresholds.for_source(connection, source.id).thresholds
    if report is None or not judged:
        return dg.AssetCheckResult(passed=True, description="The source has no vectors to judge yet.")
    verdict = verdict_of(report, limits)
    broken = [gate for gate in verdict.gates if gate.passed is False]
    return dg.AssetCheckResult(
        passed=verdict.passed,
        description=f"Score {verdict.score:.0f} of 100." + "".join(f" {gate.name}: {gate.reason}." for gate in broken),
        metadata={
            "score": verdict.score,
            "failed_gates": [gate.name for gate in broken],
            "blocking_gates": list(verdict.blocking_failures),
            "space/id": report.space_id,
        },
    )


@dg.asset_check(asset=dg.AssetKey(["reports", "usage_cost"]))
def within_budget(database: DatabaseResource) -> dg.AssetCheckResult:
    """No tenant has used 80 % of its budget of this month (a warning), let alone all of it (an error)."""
    with as_failure():
        return budget_verdict(budgets.list(database.database))


def budget_verdict(found: Sequence[BudgetUse]) -> dg.AssetCheckResult:
    """What the tenants have used of their money of this month, the fullest budget first."""
    near = sorted((b for b in found if b.share >= WARN_AT), key=lambda b: (-b.share, b.tenant))
    spent = [budget for budget in near if budget.share >= 1]
    lines = [
        f"{b.tenant} has used {100 * min(b.share, 99.99):.0f} % of {money(b.limit_usd)} USD"
        f" ({money(max(b.limit_usd - b.used_usd, Decimal(0)))} left)."
        for b in near
    ]
    return dg.AssetCheckResult(
        passed=not near,
        severity=dg.AssetCheckSeverity.ERROR if spent else dg.AssetCheckSeverity.WARN,
        description=" ".join(lines) or f"None of {len(found):,} budgets is used to {100 * WARN_AT:.0f} %.",
        metadata={"budgets": len(found), "near": len(near) - len(spent), "exhausted": len(spent)},
    )
