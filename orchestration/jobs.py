"""Jobs by name."""

import dagster as dg

CONFIGURATION = dg.AssetSelection.groups("config", include_sources=True)
USAGE = dg.AssetSelection.assets(["reports", "usage_cost"])

refresh = dg.define_asset_job(
    name="refresh",
    selection=dg.AssetSelection.all() - CONFIGURATION - USAGE,
    description="Bring every layer of a source up to date: read, extract, cut, embed, judge, recommend.",
)

observe_configuration = dg.define_asset_job(
    name="observe_configuration",
    # Without its checks: to look costs nothing and is done often, to ask the providers costs calls.
    selection=CONFIGURATION.without_checks(),
    description="Look at every tenant's providers; a changed data version marks what depends on it as out of date.",
)

check_providers = dg.define_asset_job(
    name="check_providers",
    selection=dg.AssetSelection.checks(
        *(
            dg.AssetCheckKey(dg.AssetKey(["config", name]), "provider_reachable")
            for name in ("embedding_profile", "intelligence_provider")
        )
    ),
    description="Ask every tenant's active providers one small question each; the calls are on the ledger.",
)

report_usage = dg.define_asset_job(
    name="report_usage", selection=USAGE, description="Report what the calls of the last 30 days have cost."
)
