"""Jobs by name."""

import dagster as dg

refresh = dg.define_asset_job(
    name="refresh",
    selection=dg.AssetSelection.all(),
    description="Bring every layer of a source up to date: read, extract, cut, embed, judge, recommend.",
)
