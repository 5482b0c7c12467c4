"""The sensor of budgets: money that runs out is announced."""

import dagster as dg

from orchestration.jobs import check_budgets
from orchestration.sensors import database
from precedent.tenants import budgets

LEVELS = (80, 100)  # percent of a month's budget


@dg.sensor(
    name="budget_warnings",
    job=check_budgets,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs the check `within_budget` when a tenant reaches 80 % or 100 % of its budget of the month.",
)
def budget_warnings(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run for each level that a tenant reaches in a month; the check says who, and fails at 100 %."""
    requests = [
        dg.RunRequest(run_key=f"{budget.tenant}:{budget.month:%Y-%m}:{budget.limit_usd:f}:{level}")
        for budget in budgets.list(database.opened())
        for level in LEVELS
        if 100 * budget.share >= level
    ]
    if not requests:
        return dg.SkipReason(f"No tenant has used {LEVELS[0]} % of its budget.")
    return dg.SensorResult(run_requests=requests)
