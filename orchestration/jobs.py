"""Jobs by name."""

import dagster as dg

CONFIGURATION = dg.AssetSelection.groups("config")
USAGE = dg.AssetSelection.assets(["reports", "usage_cost"])

refresh = dg.define_asset_job(
    name="refresh",
    selection=dg.AssetSelection.all() - CONFIGURATION,
    description="Bring every layer of a source up to date: read, extract, cut, embed, judge, recommend.",
)

observe_configuration = dg.define_asset_job(
    name="observe_configuration",
    selection=dg.AssetSelection.assets(["config", "embedding_profile"], ["config", "intelligence_provider"]),
    description="Look at every tenant's providers; a changed data version marks what depends on it as out of date.",
)

report_usage = dg.define_asset_job(
    name="report_usage", selection=USAGE, description="Report what the calls of the last 30 days have cost."
)
