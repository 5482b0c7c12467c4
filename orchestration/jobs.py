"""Jobs by name."""

import dagster as dg

from assets.partitions import source_partitions

refresh = dg.define_asset_job(
    name="refresh",
    selection=dg.AssetSelection.all(),
    partitions_def=source_partitions,
    description="Bring every layer of a source up to date: read, extract, cut, embed, judge, recommend.",
)
