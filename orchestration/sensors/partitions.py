"""The sensor of the partitions: they follow the table of sources."""

import dagster as dg

from assets.partitions import source_partitions
from orchestration.dead_commands import end_dead
from orchestration.sensors import database
from orchestration.sensors.runs import known_partitions
from precedent.sources import schedule

MOST_AT_ONCE = 500  # partitions added or removed in a tick


@dg.sensor(
    name="source_partitions",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the `source` partitions those of the table of sources: added, renamed, removed.",
)
def follow_sources(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Add partitions of new sources and delete those of removed ones; a paused source keeps its own.

    Commands that were killed give their places in the pools back here, too.
    """
    end_dead(context.instance)
    wanted = {source.key for source in schedule.sources(database.opened())}
    held = known_partitions(context.instance)
    new, gone = sorted(wanted - held)[:MOST_AT_ONCE], sorted(held - wanted)[:MOST_AT_ONCE]
    if not new and not gone:
        return dg.SkipReason(f"The partitions are those of the {len(wanted):,} sources.")
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if new:
        requests.append(source_partitions.build_add_request(new))
    if gone:
        requests.append(source_partitions.build_delete_request(gone))
    context.log.info("%d partitions added, %d removed.", len(new), len(gone))
    return dg.SensorResult(dynamic_partitions_requests=requests)
