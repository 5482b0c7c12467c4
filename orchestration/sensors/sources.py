"""Sensors of sources: their partitions follow the table, and what changes on their servers is fetched."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.partitions import source_partitions
from orchestration.jobs import sync
from orchestration.sensors import opening
from orchestration.sensors.requesting import run_of
from orchestration.sensors.rows import Rows
from precedent.sources import registry, schedule
from precedent.sources.kind import SourceKind
from precedent.sources.polling import ProbeRound, due, probe_round

MOST_AT_ONCE = 500  # partitions added or removed in a tick
NAME = source_partitions.name or "source"


@dg.sensor(
    name="source_partitions",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the `source` partitions those of the table of sources: added, renamed, removed.",
)
def follow_table(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Add partitions of new sources and delete those of removed ones; a paused source keeps its own."""
    wanted = {source.key for source in schedule.sources(opening.database())}
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


def changes_of(kind: SourceKind[Any]) -> dg.SensorDefinition:
    """A sensor that probes the sources of one kind and requests a sync of those that have changed."""

    @dg.sensor(
        name=f"{kind.name}_changes",
        job=sync,
        minimum_interval_seconds=kind.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Probes the {kind.name} sources and requests a sync of each that holds something new.",
    )
    def changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        database = opening.database()
        now = datetime.now(UTC)
        sources = [source for source in schedule.sources(database) if source.kind == kind.name]
        if not sources:
            return dg.SkipReason(f"There are no {kind.name} sources.")
        known = known_partitions(context.instance)
        ready = due([source for source in sources if source.key in known], being_synced(context.instance), now)
        rows = Rows(database, ready)
        found = probe_round(ready, rows.probe, now, after=int(context.cursor) if context.cursor else None)
        rows.remember(found)
        context.log.info(told(found, len(sources)))
        return dg.SensorResult(
            run_requests=[run_of(wanted.source, wanted.run_key) for wanted in found.wanted],
            skip_reason=None if found.wanted else told(found, len(sources)),
            cursor="" if found.after is None else str(found.after),
        )

    return changes


def being_synced(instance: dg.DagsterInstance) -> frozenset[str]:
    """Partition keys with a sync that is queued or under way; one query."""
    return with_run(instance, sync.name)


def with_run(instance: dg.DagsterInstance, job: str) -> frozenset[str]:
    """Partition keys with a run of a job that is queued or under way; one query."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job, statuses=NOT_FINISHED_STATUSES))
    return frozenset(run.tags.get(PARTITION_NAME_TAG, "") for run in runs)


def known_partitions(instance: dg.DagsterInstance) -> frozenset[str]:
    """The partitions that there are: a request for another one would fail the whole tick."""
    return frozenset(instance.get_dynamic_partitions(NAME))


def told(found: ProbeRound, sources: int) -> str:
    """What a tick did, in a sentence."""
    return (
        f"{found.asked:,} of {sources:,} sources were probed, {found.unchanged:,} unchanged, "
        f"{len(found.wanted):,} to sync, {len(found.waiting):,} waiting, {found.left:,} left for the next tick."
    )


def all_of() -> Sequence[dg.SensorDefinition]:
    """A sensor for each kind of source."""
    return [changes_of(kind) for kind in registry.kinds().values()]
