"""Runs and partitions of sources, as sensors and schedules look them up and request them."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.partitions import NAME
from orchestration.dagster_internals import NOT_FINISHED_STATUSES, PARTITION_NAME_TAG
from orchestration.run_queue import CLASS, SOURCE, TENANT, RunClass
from precedent.sources.schedule import PendingIncidents, ScheduledSource


def run_request(
    source: ScheduledSource | PendingIncidents,
    run_key: str,
    kind: RunClass | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> dg.RunRequest:
    """A request for a run of a source's partition.

    Args:
        source: Whose partition.
        run_key: Dagster uses it once for ever: it must hold what makes this run another than those before.
        kind: Its class in the queue; None is live work.
        run_config: Its configuration.
    """
    tags = {TENANT: source.tenant, SOURCE: source.name}
    return dg.RunRequest(
        run_key=run_key,
        partition_key=source.key,
        run_config=dict(run_config or {}),
        tags=tags if kind is None else {**tags, CLASS: kind.value},
    )


def keys_with_run(instance: dg.DagsterInstance, job: str) -> frozenset[str]:
    """Partition keys with a run of a job that is queued or in progress; one query."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job, statuses=NOT_FINISHED_STATUSES))
    return frozenset(run.tags.get(PARTITION_NAME_TAG, "") for run in runs)


def known_partitions(instance: dg.DagsterInstance) -> frozenset[str]:
    """The partitions that exist: a request for another one would fail the whole tick."""
    return frozenset(instance.get_dynamic_partitions(NAME))
