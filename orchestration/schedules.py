"""What happens by the clock: sweeps, reports and maintenance, a part at a time where there are many sources."""

import math
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.jobs import judge, report_usage, sync
from orchestration.maintenance.job import maintenance
from orchestration.run_queue import RunClass
from orchestration.sensors import database
from orchestration.sensors.runs import keys_with_run, known_partitions, run_request
from precedent.sources import registry, schedule
from precedent.sources.polling import due

SWEEP_EVERY = timedelta(hours=24)
REPORT_EVERY = timedelta(days=7)
FEWEST = 25  # a small installation is done in one tick


@dg.schedule(
    name="sweeps",
    cron_schedule="7 * * * *",
    job=sync,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each live source once a day: lists what the server still has, and marks the rest as gone.",
)
def sweeps(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Sources whose last sweep is a day old, longest ago first; an hour's share of them."""
    now = moment(context)
    known = known_partitions(context.instance)
    swept = {name for name, kind in registry.kinds().items() if kind.sweeps}
    live = [
        source
        for source in schedule.sources(database.opened())
        if source.kind in swept and source.is_active and source.syncs and source.key in known
    ]
    # Sources that wait for their server stay the longest ago while they wait: all places would go to them.
    ready = due(live, keys_with_run(context.instance, sync.name), now)
    long_ago = [source for source in ready if older(source.swept_at, now, SWEEP_EVERY)]
    long_ago.sort(key=lambda source: source.swept_at or source.last_refresh or now)
    found = long_ago[: max(FEWEST, math.ceil(len(live) / 24))]
    if not found:
        return dg.SkipReason("Every live source that can be asked was swept within a day.")
    config = {"ops": {"raw_records": {"config": {"sweep": True}}}}
    return [
        run_request(source, f"{source.key}:{source.id}:sweep:{now:%Y%m%d%H}", RunClass.BULK, config) for source in found
    ]


@dg.schedule(
    name="quality_reports",
    cron_schedule="37 * * * *",
    job=judge,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each source once a week: its vectors are judged even where nothing has changed.",
)
def quality_reports(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Sources whose newest report is a week old, each in an hour of its own, so that they do not come all at once."""
    now = moment(context)
    known = known_partitions(context.instance)
    found = [
        source
        for source in schedule.sources(database.opened())
        if source.is_active
        and source.key in known
        and source.reported_at is not None
        and older(source.reported_at, now, REPORT_EVERY)
        and source.id % 24 == now.hour
    ]
    if not found:
        return dg.SkipReason("No source of this hour has a report that is a week old.")
    week = now.strftime("%G-%V")
    return [run_request(source, f"{source.key}:{source.id}:report:{week}", RunClass.BULK) for source in found]


usage_report = dg.ScheduleDefinition(
    name="usage_report",
    cron_schedule="15 6 * * *",
    job=report_usage,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="What the calls of the last 30 days have cost, each morning (UTC).",
)

nightly_maintenance = dg.ScheduleDefinition(
    name="nightly_maintenance",
    cron_schedule="45 3 * * *",
    job=maintenance,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Prunes old events that no asset needs, logs, retired spaces and tombstones, each night (UTC).",
)


def moment(context: dg.ScheduleEvaluationContext) -> datetime:
    """The moment that the tick is for, UTC."""
    return context.scheduled_execution_time.astimezone(UTC)


def older(when: datetime | None, now: datetime, age: timedelta) -> bool:
    """True if something last happened longer ago than `age`, or never."""
    return when is None or now - when > age
