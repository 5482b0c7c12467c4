"""When an asset is made without a request: as soon as what it reads has really changed.

The first assets of the graph, `raw/*`, are requested by the sensors of their sources. Everything below follows data:
it is made when what it reads has changed, and not because something upstream has merely run. Each term below is there
because the graph misbehaves without it; docs/automation.md tells it as a story.
"""

from functools import cache

import dagster as dg

AC = dg.AutomationCondition

# Observed, not made: an observation that has not happened yet must hold nothing back.
CONFIGURATION = dg.AssetSelection.groups("config", include_sources=True)

# On runs that also make everything that is made from what they make: they have carried their changes on themselves.
# The run queue writes it when a run is submitted.
COVERAGE = "precedent/coverage"
COVERS_ALL_BELOW = {COVERAGE: "all_below"}


@cache
def follows_data() -> dg.AutomationCondition[dg.AssetKey]:
    """Make a partition when the data of its inputs, or its own code, has changed, and once more after a failure."""
    trigger = (
        # `newly_updated`, which the first replacement removes, is true for every run upstream: a sync each minute that
        # brings nothing would embed and judge each minute. A run that has carried the change on itself leaves
        # nothing to do. Dagster's own condition for that, which the second replacement removes, looks at an asset's
        # newest materialisation only, whichever partition it was of: if several partitions were made between two
        # ticks, all but the last would be made again. An asset that is requested in this tick counts as changed too,
        # so that a change goes down the whole graph in one run.
        AC.any_deps_updated()
        .replace("newly_updated", AC.data_version_changed())
        .replace("executed_with_root_target", AC.all_new_updates_have_run_tags(tag_values=COVERS_ALL_BELOW))
        # Dagster does not run an asset again for a new code version by itself. The assets then make anew only the
        # rows that the new code would make differently.
        | AC.code_version_changed()
        # Once, when it begins to have failed. The bare condition stays true until something succeeds, and would
        # request a run in every tick.
        | AC.execution_failed().newly_true()
    )
    changed = trigger.since(
        # A change is seen in one tick only. If the asset cannot be requested in that tick, because a run of it is in
        # progress or a check upstream blocks, the change would be forgotten: it is held until the asset has been
        # requested. Not until the asset was made: a run that began before the change and ended after it has not
        # seen it. A request is seen one tick later, and what was triggered in between (its run has failed already,
        # the data changed again) is new: without `~trigger` it would be taken for what was requested, and lost.
        (~trigger & AC.newly_requested())
        # The very first tick has nothing to compare with, and requests nothing.
        | AC.initial_evaluation()
    )
    # A partition that has never been made: of a new source, of a new asset, or of data that was loaded layer by layer.
    # Requested once, so that a run that a person cancels stays cancelled.
    missing = AC.missing().newly_true().since(AC.newly_requested() | AC.newly_updated())
    return (
        (changed | missing)
        # With an input missing there is nothing to read.
        & ~AC.any_deps_missing().ignore(CONFIGURATION)
        # An input that is being made is about to change: one run after it, not one before and one after.
        & ~AC.any_deps_in_progress()
        # Two runs of one partition write the same rows; the second one waits, and what it waits for is held above.
        & ~AC.in_progress()
        # Not a part of `eager`: without it, vectors that failed their checks would go on to reports and into Qdrant.
        & AC.all_deps_blocking_checks_passed()
    ).with_label("follows_data")
