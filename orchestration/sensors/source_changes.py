"""Sensors of sources, one for each kind: what changes on their servers or in their files is fetched."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from orchestration.jobs import sync
from orchestration.sensors import database
from orchestration.sensors.probes import Probes
from orchestration.sensors.runs import keys_with_run, known_partitions, run_request
from precedent.sources import registry, schedule
from precedent.sources.kind import SourceKind
from precedent.sources.polling import ProbeRound, due, probe_round


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
        opened = database.opened()
        now = datetime.now(UTC)
        sources = [source for source in schedule.sources(opened) if source.kind == kind.name]
        if not sources:
            return dg.SkipReason(f"There are no {kind.name} sources.")
        known = known_partitions(context.instance)
        busy = keys_with_run(context.instance, sync.name)
        ready = due([source for source in sources if source.key in known], busy, now)
        probes = Probes(opened, ready)
        found = probe_round(ready, probes.probe, now, after=int(context.cursor) if context.cursor else None)
        probes.save(found)
        context.log.info(summary(found, len(sources)))
        return dg.SensorResult(
            run_requests=[run_request(wanted.source, wanted.run_key) for wanted in found.wanted],
            skip_reason=None if found.wanted else summary(found, len(sources)),
            cursor="" if found.after is None else str(found.after),
        )

    return changes


def summary(found: ProbeRound, sources: int) -> str:
    """What a tick did, in a sentence."""
    return (
        f"{found.asked:,} of {sources:,} sources were probed, {found.unchanged:,} unchanged, "
        f"{len(found.wanted):,} to sync, {len(found.waiting):,} waiting, {found.left:,} left for the next tick."
    )


sensors = [changes_of(kind) for kind in registry.kinds().values()]
