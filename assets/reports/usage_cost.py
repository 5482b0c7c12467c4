"""`reports/usage_cost`: what the calls of all tenants have cost."""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from assets.definition import OWNERS
from assets.row_metadata import Metadata, picture
from precedent.providers.billing.plots import usage_figure
from precedent.providers.billing.report import UsageReport, budgets_in_order, sums, usage_report
from precedent.providers.billing.usage import Figures, money
from precedent.tenants.budgets import Budget
from resources.database import DatabaseResource
from resources.failure import as_failure

MOST_ROWS = 20
# The web page loads the metadata of every event that it lists.
MOST_BYTES = 3_500
Row = dict[str, Any]


class UsageCostConfig(dg.Config):
    """What the report covers."""

    days: int = Field(default=30, ge=1, le=366, description="Days of UTC, today included.")


# The assets that call providers, each call a row of the ledger: their lineage, which starts nothing, because this asset
# has no automation and goes by its schedule.
SPENDERS = (["vectors", "embeddings"], ["reports", "vector_quality"], ["incidents", "recommendations"])


# Not made by `source_asset`: spending belongs to tenants, not to sources.
@dg.asset(
    key=["reports", "usage_cost"],
    deps=[dg.AssetKey(key) for key in SPENDERS],
    group_name="reports",
    kinds={"postgres", "matplotlib"},
    owners=OWNERS,
    code_version="1",
)
def usage_cost(
    context: dg.AssetExecutionContext, config: UsageCostConfig, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """What calls to providers have cost, by tenant, provider, model, operation, asset and day, from the ledger.

    Sums are of the calls whose cost is known; how many lack one stands beside them. Every tenant is read as that
    tenant, one after the other. The data version changes when a figure does.
    """
    with as_failure():
        report = usage_report(database.database, config.days)
    calls = sum(cell.figures.calls for cell in report.cells)
    context.log.info(f"{calls:,} calls of {len(report.budgets):,} tenants.")
    days = report.period.days
    title = f"{days[0]:%d %b %Y} to {days[-1]:%d %b %Y}"
    plot = picture("usage and cost", usage_figure(title, days, report.cells, report.latencies))
    return dg.MaterializeResult(
        metadata=_metadata(report) | {"plot": plot}, data_version=dg.DataVersion(report.version)
    )


def _metadata(report: UsageReport) -> Metadata:
    """What the UI shows, the picture apart; an unknown cost has no figure."""
    cells = report.cells
    total = sum((cell.figures for cell in cells), Figures())
    found: Metadata = {
        "cost/unpriced_calls": total.unpriced_calls,
        "tokens/input": total.input_tokens,
        "tokens/output": total.output_tokens,
        "calls/total": total.calls,
        "calls/failed": total.failed,
        "calls/refused": total.refused,
    }
    if total.cost_usd is not None:
        found["cost/usd"] = float(total.cost_usd)
    by_model = sums(cells, lambda cell: (*cell.provider.split("/", 1), cell.model))
    by_asset = sums(cells, lambda cell: (cell.operation, cell.asset or "(no asset)"))
    by_day = sorted(sums(cells, lambda cell: (cell.day.isoformat(),)), reverse=True)
    found |= _table("cost/by_model", ["tenant", "provider", "model"], by_model)
    found |= _table("cost/by_asset", ["operation", "asset"], by_asset)
    found |= _table("cost/by_day", ["day"], by_day)
    budgets = [_budget(name, budget) for name, budget in budgets_in_order(report.budgets.items())]
    return found | _capped("budget/this_month", budgets)


def _table(name: str, columns: Sequence[str], lines: Sequence[tuple[tuple[str, ...], Figures]]) -> Metadata:
    rows = [
        {
            **dict(zip(columns, key, strict=True)),
            "calls": figures.calls,
            "failed": figures.failed,
            "in": figures.input_tokens,
            "out": figures.output_tokens,
            "usd": money(figures.cost_usd),
            "unpriced": figures.unpriced_calls,
        }
        for key, figures in lines
    ]
    return _capped(name, rows)


def _capped(name: str, rows: Sequence[Row]) -> Metadata:
    """The first rows as a table, as many as the web page should load, and how many were left out."""
    if not rows:
        return {}
    shown: list[Row] = []
    size = 0
    for row in rows[:MOST_ROWS]:
        size += len(json.dumps(row))
        if size > MOST_BYTES:
            break
        shown.append(row)
    return {
        name: dg.MetadataValue.table([dg.TableRecord(row) for row in shown]),
        f"{name}_left_out": len(rows) - len(shown),
    }


def _budget(tenant: str, budget: Budget) -> Row:
    return {
        "tenant": tenant,
        "spent": money(budget.spent_usd),
        "reserved": money(budget.reserved_usd),
        "limit": "none" if budget.limit_usd is None else money(budget.limit_usd),
        "taken": "" if budget.share is None else f"{budget.share:.1%}",
        "unpriced": budget.unpriced_calls,
    }
