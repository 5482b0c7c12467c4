"""Jobs by name."""

import dagster as dg

from assets.condition import CONFIGURATION
from assets.definition import PER_SOURCE
from orchestration.run_queue import CLASS, RunClass

BULK = {CLASS: RunClass.BULK.value}
USAGE = dg.AssetSelection.assets(["reports", "usage_cost"])
((TAG, VALUE),) = PER_SOURCE.items()

refresh = dg.define_asset_job(
    name="refresh",
    selection=dg.AssetSelection.tag(TAG, VALUE),
    description="Bring every layer of a source up to date: read, extract, cut, embed, judge, recommend.",
)

sync = dg.define_asset_job(
    name="sync",
    selection=dg.AssetSelection.groups("raw"),
    description="Fetch what is new in a source; what depends on it follows by itself.",
)

recommend = dg.define_asset_job(
    name="recommend",
    selection=dg.AssetSelection.assets(["incidents", "recommendations"]),
    description="Analyse a source's incidents that have no up-to-date analysis; goes before bulk work.",
    tags={CLASS: RunClass.INCIDENT.value},
)

judge = dg.define_asset_job(
    name="judge",
    selection=dg.AssetSelection.assets(["reports", "vector_quality"]),
    description="Report on the quality of a source's vectors.",
    tags=BULK,
)

observe_configuration = dg.define_asset_job(
    name="observe_configuration",
    # Without its checks: to observe costs nothing and is done often, to ask the providers costs calls.
    selection=CONFIGURATION.without_checks(),
    description="Look at every tenant's providers; a changed data version marks what depends on it as out of date.",
)

check_providers = dg.define_asset_job(
    name="check_providers",
    selection=CONFIGURATION - CONFIGURATION.without_checks(),
    description="Ask every tenant's active providers one small question each; the calls are on the ledger.",
)

check_budgets = dg.define_asset_job(
    name="check_budgets",
    selection=USAGE - USAGE.without_checks(),
    description="Say which tenants have used 80 % of this month's budget, and which all of it.",
)

report_usage = dg.define_asset_job(
    name="report_usage", selection=USAGE, description="Report what the calls of the last 30 days have cost."
)
