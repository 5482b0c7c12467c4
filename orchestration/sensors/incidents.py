"""The sensor of incidents without an analysis: their runs go before everything else in the queue."""

from datetime import UTC, datetime

import dagster as dg

from orchestration.jobs import recommend
from orchestration.run_queue import RunClass
from orchestration.sensors import database
from orchestration.sensors.runs import keys_with_run, known_partitions, run_request
from precedent.incidents.versions import AnalysisVersions
from precedent.sources import schedule
from precedent.sources.schedule import PendingIncidents

_versions = AnalysisVersions()


@dg.sensor(
    name="incidents_without_analysis",
    job=recommend,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests recommendations for new and changed incidents, before all bulk work.",
)
def incidents_without_analysis(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run for each source with incidents whose analysis is missing or was made from something else."""
    opened = database.opened()
    made_with, unknown = _versions.current(opened)
    for tenant, reason in unknown.items():
        context.log.warning("The incidents of %s are not looked at: %s", tenant, reason)
    pending = schedule.pending_incidents(opened, made_with)
    busy = keys_with_run(context.instance, recommend.name)
    known = known_partitions(context.instance)
    now = datetime.now(UTC)
    requests = [
        run_request(found, run_key(found, now), RunClass.INCIDENT)
        for found in pending
        if found.key in known and found.key not in busy
    ]
    if not requests:
        return dg.SkipReason("Every incident has its analysis, or one is in progress.")
    return dg.SensorResult(run_requests=requests)


def run_key(found: PendingIncidents, now: datetime) -> str:
    """New when the set of incidents is, and besides once an hour where an analysis has failed before, else once a day.

    A run that was killed, or that a spent budget stopped, leaves nothing behind by which it could be recognised:
    without the day its incidents would wait for ever, also when the next month's money has come.
    """
    again = now.strftime("%Y%m%d%H" if found.tried else "%Y%m%d")
    return f"{found.key}:{found.source_id}:{found.digest[:16]}:{again}"
