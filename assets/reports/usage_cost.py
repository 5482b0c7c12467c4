"""`reports/usage_cost`: what the calls of all tenants have cost."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import dagster as dg
from pydantic import Field

from assets.row_metadata import OWNERS, Metadata, picture
from precedent.database.session import Database
from precedent.providers.billing import usage as store
from precedent.providers.billing.plots import Latency, latencies_of, usage_figure
from precedent.providers.billing.usage import Cell, Figures, Period, money
from precedent.tenants import budgets
from precedent.tenants import tenants as tenancy
from precedent.tenants.budgets import Budget
from resources.platform import DatabaseResource, as_failure

REPORT_VERSION = "1"
MOST_ROWS = 20
# The web page loads the metadata of every event that it lists.
MOST_BYTES = 3_500
Row = dict[str, Any]


class UsageCostConfig(dg.Config):
    """What the report covers."""

    days: int = Field(default=30, ge=1, le=366, description="Days of UTC, today included.")


@dg.asset(
    key=["reports", "usage_cost"],
    group_name="reports",
    kinds={"postgres", "matplotlib"},
    owners=OWNERS,
    code_version=REPORT_VERSION,
)
def usage_cost(
    context: dg.AssetExecutionContext, config: UsageCostConfig, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """What calls to providers have cost, by tenant, provider, model, operation, asset and day, from the ledger.

    Sums are of the calls whose cost is known; how many lack one stands beside them. Every tenant is read as that
    tenant, one after the other. The data version changes when a figure does.
    """
    with as_failure():
        period, cells, latencies, months = read(database.database, config.days)
    context.log.info(f"{sum(cell.figures.calls for cell in cells):,} calls of {len(months):,} tenants.")
    days = f"{period.days[0]:%d %b %Y} to {period.days[-1]:%d %b %Y}"
    metadata = cost_metadata(cells, months)
    metadata["plot"] = picture("usage and cost", usage_figure(days, period.days, cells, latencies))
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(version_of(cells)))


def read(database: Database, days: int) -> tuple[Period, list[Cell], list[Latency], dict[str, Budget]]:
    """The usage of all tenants, each in transactions of its own; providers are named `tenant/provider`."""
    with database.session() as session:
        connection: Any = session.connection().connection.driver_connection
        period = Period.whole_days(days, store.now(connection))
    cells: list[Cell] = []
    latencies: list[Latency] = []
    months: dict[str, Budget] = {}
    for tenant in tenancy.list(database):
        with database.bulk(tenant.id) as connection:
            found = store.cells(connection, period)
            by_provider, _ = store.grouped(connection, period, "provider")
            months[tenant.name] = budgets.get(connection)
        cells += [replace(cell, provider=f"{tenant.name}/{cell.provider}") for cell in found]
        latencies += latencies_of(by_provider, f"{tenant.name}/")
    return period, cells, latencies, months


def cost_metadata(cells: Sequence[Cell], months: dict[str, Budget]) -> Metadata:
    """What the UI shows, the picture apart; an unknown cost has no figure."""
    total = sum((cell.figures for cell in cells), Figures())
    found: Metadata = {
        "cost/unpriced_calls": dg.MetadataValue.int(total.unpriced_calls),
        "tokens/input": dg.MetadataValue.int(total.input_tokens),
        "tokens/output": dg.MetadataValue.int(total.output_tokens),
        "calls/total": dg.MetadataValue.int(total.calls),
        "calls/failed": dg.MetadataValue.int(total.failed),
        "calls/refused": dg.MetadataValue.int(total.refused),
    }
    if total.cost_usd is not None:
        found["cost/usd"] = dg.MetadataValue.float(float(total.cost_usd))
    by_model = summed(cells, lambda cell: (*cell.provider.split("/", 1), cell.model))
    found |= table("cost/by_model", ["tenant", "provider", "model"], by_model)
    by_asset = summed(cells, lambda cell: (cell.operation, cell.asset or "(no asset)"))
    found |= table("cost/by_asset", ["operation", "asset"], by_asset)
    by_day = summed(cells, lambda cell: (cell.day.isoformat(),))
    found |= table("cost/by_day", ["day"], sorted(by_day, reverse=True))
    spending = {name: budget for name, budget in months.items() if budget.spent_usd or budget.limit_usd is not None}
    order = sorted(spending, key=lambda name: (-(spending[name].share or 0), -spending[name].spent_usd, name))
    found |= capped("budget/this_month", [_budget(name, spending[name]) for name in order])
    return found


def summed(cells: Iterable[Cell], key: Callable[[Cell], tuple[str, ...]]) -> list[tuple[tuple[str, ...], Figures]]:
    """The cells added up by a key, the dearest first."""
    sums: dict[tuple[str, ...], Figures] = {}
    for cell in cells:
        sums[key(cell)] = sums.get(key(cell), Figures()) + cell.figures
    return sorted(sums.items(), key=lambda item: (-item[1].known_usd, -item[1].calls, item[0]))


def table(name: str, columns: Sequence[str], sums: Sequence[tuple[tuple[str, ...], Figures]]) -> Metadata:
    """A table of sums by their key."""
    rows = [
        {
            **dict(zip(columns, key, strict=True)), "calls": figures.calls, "failed": figures.failed,
            "in": figures.input_tokens, "out": figures.output_tokens, "usd": money(figures.cost_usd),
            "unpriced": figures.unpriced_calls,
        }
        for key, figures in sums
    ]  # fmt: skip
    return capped(name, rows)


def capped(name: str, rows: Sequence[Row]) -> Metadata:
    """The first rows as a table, as many as the web page should load, and how many were left out."""
    shown: list[Row] = []
    size = 0
    for row in rows[:MOST_ROWS]:
        size += len(json.dumps(row))
        if size > MOST_BYTES:
            break
        shown.append(row)
    if not rows:
        return {}
    return {
        name: dg.MetadataValue.table([dg.TableRecord(row) for row in shown]),
        f"{name}_left_out": dg.MetadataValue.int(len(rows) - len(shown)),
    }


def version_of(cells: Sequence[Cell]) -> str:
    """A hash of the figures."""
    digest = hashlib.sha256()
    for cell in cells:
        digest.update(json.dumps(asdict(cell), default=str, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def _budget(tenant: str, budget: Budget) -> Row:
    return {
        "tenant": tenant, "spent": money(budget.spent_usd), "reserved": money(budget.reserved_usd),
        "limit": "none" if budget.limit_usd is None else money(budget.limit_usd),
        "taken": "" if budget.share is None else f"{budget.share:.1%}", "unpriced": budget.unpriced_calls,
    }  # fmt: skip
