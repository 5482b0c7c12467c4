"""Incidents that nobody has analysed yet: their runs go before everything else in the queue."""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.incidents.analysis import analysis_version
from orchestration.jobs import recommend
from orchestration.sensors import opening
from resources.database.session import Database
from resources.providers.contract import Capability
from resources.providers.targets import chain
from resources.stores import schedule
from resources.stores.schedule import PendingIncidents

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
    pending = schedule.pending_incidents(database, versions(database))
    busy = {
        run.tags.get(PARTITION_NAME_TAG)
        for run in context.instance.get_runs(dg.RunsFilter(job_name=recommend.name, statuses=IN_PROGRESS_RUN_STATUSES))
    }
    now = datetime.now(UTC)
    requests = [
        dg.RunRequest(
            run_key=run_key(found, now), partition_key=found.key,
            tags={"precedent/tenant": found.tenant, "precedent/source": found.name, "precedent/class": "incident"},
        )
        for found in pending
        if found.key not in busy
    ]  # fmt: skip
    if not requests:
        return dg.SkipReason("Every incident has its analysis, or one is under way.")
    return dg.SensorResult(run_requests=requests)


def run_key(found: PendingIncidents, now: datetime) -> str:
    """New when the set of incidents is; where an analysis has failed before, new once an hour besides."""
    again = f":{now:%Y%m%d%H}" if found.tried else ""
    return f"{found.key}:{found.source_id}:{found.digest[:16]}{again}"


def versions(database: Database) -> dict[int, str]:
    """What an analysis must have been made with, by tenant that has incidents."""
    digests = schedule.configuration_digests(database)
    for tenant_id in schedule.tenants_with_incidents(database):
        digest = digests[tenant_id][1]
        known = _versions.get(tenant_id)
        if known is None or known[0] != digest:
            target = chain(database, tenant_id, Capability.TEXT_GENERATION)[0]
            _versions[tenant_id] = (digest, analysis_version(target))
    return {tenant_id: version for tenant_id, (_, version) in _versions.items() if tenant_id in digests}
