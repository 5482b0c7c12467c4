"""When assets are made without anyone's asking.

The root of the graph, `raw/*`, is asked for by the sensors of its sources. Everything below follows data: it is made
when what it reads has really changed, and not because something upstream has merely run. Each term below is there
because the graph misbehaves without it; docs/automation.md tells it as a story.
"""

import dagster as dg

from orchestration.coverage import TO_THE_END

AC = dg.AutomationCondition

# Observed, not made: an observation that has not happened yet must hold nothing back.
CONFIGURATION = dg.AssetSelection.groups("config", include_sources=True)


def follows_data() -> dg.AutomationCondition[dg.AssetKey]:
    """Make a partition when its inputs' data, or its code, has changed, and once more after a failure."""
    trigger = (
        # `newly_updated`, which the first replacement is for, is true of every run upstream: a sync each minute that
        # brings nothing would embed and judge each minute. A run that has carried the change down itself leaves
        # nothing to do. Dagster's own condition for that, the second, looks at an asset's newest materialisation
        # only, whichever partition it was of: of several partitions made between two ticks all but the last would be
        # made again. An asset that is requested in this tick counts as changed too, so that a change goes down the
        # whole graph in one run.
        AC.any_deps_updated()
        .replace("newly_updated", AC.data_version_changed())
        .replace("executed_with_root_target", AC.all_new_updates_have_run_tags(tag_values=TO_THE_END))
        # Dagster does not run an asset again for a new code version by itself. Row by row, only what the new code
        # would make otherwise is made anew.
        | AC.code_version_changed()
        # Once, when it begins to have failed. The bare condition stays true until something succeeds, and would ask
        # again in every tick.
        | AC.execution_failed().newly_true()
    )
    changed = trigger.since(
        # A change is seen in one tick only. If the asset cannot be asked for just then, because a run of it is under
        # way or a check upstream blocks, it would be forgotten: it is held until it has been asked for. Not until the
        # asset was made: a run that began before the change and ended after it has not seen it. That it was asked for
        # is seen one tick later, and what was triggered in between (its run has failed already, the data changed
        # again) is new: without `~trigger` it would be taken for what was asked for, and lost.
        (~trigger & AC.newly_requested())
        # The first tick of all has nothing to compare with, and asks for nothing.
        | AC.initial_evaluation()
    )
    # A partition that has never been made: of a new source, of a new asset, or of data that was loaded layer by layer.
    # Asked for once, so that a run which somebody cancels stays cancelled.
    missing = AC.missing().newly_true().since(AC.newly_requested() | AC.newly_updated())
    return (
        (changed | missing)
        # With an input missing there is nothing to read.
        & ~AC.any_deps_missing().ignore(CONFIGURATION)
        # An input that is being made is about to change: one run after it, not one before and one after.
        & ~AC.any_deps_in_progress()
        # Two runs of one partition write the same rows; the second waits, and what it waits for is held above.
        & ~AC.in_progress()
        # Not a part of `eager`: without it, vectors that failed their checks would go on to reports and into Qdrant.
        & AC.all_deps_blocking_checks_passed()
    ).with_label("follows_data")


def automated(assets: list[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with the condition on each."""
    condition = follows_data()
    return [
        asset.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=condition)) for asset in assets
    ]


automation = dg.AutomationConditionSensorDefinition(
    name="automation",
    target=dg.AssetSelection.groups("text", "vectors", "incidents")
    | dg.AssetSelection.assets(["reports", "vector_quality"]),
    description="Makes documents, passages, vectors, reports and recommendations when what they are made from changes.",
    # An installation whose data does not flow until somebody finds a switch is a broken one.
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    # A backfill would take its partitions one by one behind a single entry of the queue; runs of their own are
    # ordered by tenant and priority like all others.
    emit_backfills=False,
)
