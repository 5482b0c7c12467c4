"""Incidents that nobody has analysed yet: their runs go before everything else in the queue."""

from datetime import UTC, datetime

import dagster as dg

from orchestration.jobs import recommend
from orchestration.run_queue import RunClass
from orchestration.sensors import opening
from orchestration.sensors.requesting import run_of
from orchestration.sensors.sources import known_partitions, with_run
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.incidents.analysis import analysis_version
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.runtime.endpoint import chain
from precedent.sources import schedule
from precedent.sources.schedule import PendingIncidents

# Tenant: digest of its configuration and the version that follows from it. A tenant's chain is read again when its
# configuration has changed, and when this process is a new one.
_versions: dict[int, tuple[str, str]] = {}


@dg.sensor(
    name="incidents_without_analysis",
    job=recommend,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Requests recommendations for new and changed incidents, before all bulk work.",
)
def incidents_without_analysis(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """One run for each source with incidents whose analysis is missing or was made from something else."""
    database = opening.database()
    made_with, unknown = versions(database)
    for tenant, reason in unknown.items():
        context.log.warning("The incidents of %s are not looked at: %s", tenant, reason)
    pending = schedule.pending_incidents(database, made_with)
    busy = with_run(context.instance, recommend.name)
    known = known_partitions(context.instance)
    now = datetime.now(UTC)
    requests = [
        run_of(found, run_key(found, now), RunClass.INCIDENT)
        for found in pending
        if found.key in known and found.key not in busy
    ]
    if not requests:
        return dg.SkipReason("Every incident has its analysis, or one is under way.")
    return dg.SensorResult(run_requests=requests)


def run_key(found: PendingIncidents, now: datetime) -> str:
    """New when the set of incidents is, and besides once an hour where an analysis has failed before, else once a day.

    A run that was killed, or that a spent budget stopped, leaves nothing behind to tell it by: without the day its
    incidents would wait for ever, also when the next month's money has come.
    """
    again = now.strftime("%Y%m%d%H" if found.tried else "%Y%m%d")
    return f"{found.key}:{found.source_id}:{found.digest[:16]}:{again}"


def versions(database: Database) -> tuple[dict[int, str], dict[str, str]]:
    """What an analysis must have been made with, by tenant that has incidents; and why that of a tenant is unknown.

    One whose provider cannot be used, for want of a library or with options of another version, stops no other's.
    """
    digests = repository.digests(database)
    found: dict[int, str] = {}
    unknown: dict[str, str] = {}
    for tenant_id in schedule.tenants_with_incidents(database):
        if tenant_id not in digests:
            continue  # a tenant that came between the two questions
        name, digest = digests[tenant_id]
        known = _versions.get(tenant_id)
        if known is None or known[0] != digest:
            try:
                endpoint = chain(database, tenant_id, Capability.TEXT_GENERATION)[0]
            except UsageError as error:
                unknown[name] = str(error)
                continue
            known = _versions[tenant_id] = (digest, analysis_version(endpoint))
        found[tenant_id] = known[1]
    return found, unknown
