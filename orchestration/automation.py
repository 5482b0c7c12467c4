"""The sensor that evaluates the automation conditions of the assets."""

import dagster as dg

automation = dg.AutomationConditionSensorDefinition(
    name="automation",
    # Of these, every asset that has a condition: those that `assets.definition.source_asset` makes.
    target=dg.AssetSelection.all(),
    description="Makes documents, passages, vectors, reports and recommendations when what they are made from changes.",
    # In an installation where a switch must be found first, data would not flow.
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    # Dagster would carry out the partitions of a backfill one by one behind a single entry of the queue; runs of their
    # own are ordered by tenant and priority like all others.
    emit_backfills=False,
)
