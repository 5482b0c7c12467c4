"""Dagster's run queue, made fair: no tenant's hundred runs stand in front of another's first.

Dagster starts the queued run with the highest `dagster/priority`, the oldest first among equals. This coordinator
writes that tag when a run is submitted, whoever submits it: a class (incidents, live work, bulk) that always goes
before the next, and inside it the run's virtual start time. That is start-time fair queueing (Goyal, Vin and Cheng,
1996): a run starts at the later of the class's virtual time and one after the last run of its own tenant. Tenants so
take turns, and the runs of each tenant keep the order in which they came.
"""

import os
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import dagster as dg
from sqlalchemy import BigInteger, Select, case, cast, func, select

from assets.partitions import NAME as PARTITIONS
from orchestration.coverage import coverage_tags
from orchestration.dagster_internals import (
    ACTIVE_RUN_STATUSES,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
    BaseAssetGraph,
    QueuedRunCoordinator,
    RunQueueConfig,
    RunsTable,
    RunTagsTable,
    SqlRunStorage,
    SubmitRunContext,
)
from precedent.errors import UsageError

TENANT = "precedent/tenant"
SOURCE = "precedent/source"
CLASS = "precedent/class"
# With it a priority was computed here, and is computed again when a retry inherits the tags; without it a person has
# set the priority.
VIRTUAL_TIME = "precedent/virtual_time"
# What the limit per tenant counts: the tenant's runs without its incident analyses, which are short and urgent.
TENANT_SLOT = "precedent/tenant_slot"
# What the limit of one run per source counts. Dagster's own tag of a partition is missing on the runs of a backfill,
# which name a range even where it holds one partition.
PARTITION = "precedent/partition"

TENANT_RUNS = "PRECEDENT_TENANT_RUNS"
# Dagster keeps the priority of a step that waits for a pool in 32 bits: two gaps must fit.
GAP = 1_000_000_000
REMEMBERED_S = 60.0


class RunClass(StrEnum):
    """What a run is for; every run of a class goes before those of the next."""

    INCIDENT = "incident"
    LIVE = "live"
    BULK = "bulk"


BASE = {RunClass.INCIDENT: GAP, RunClass.LIVE: 0, RunClass.BULK: -GAP}


def run_class(tags: Mapping[str, str]) -> RunClass:
    """A run's class: the one it is tagged with, bulk for a backfill that a person asked for, else live."""
    named = tags.get(CLASS)
    if named in set(RunClass):
        return RunClass(named)
    return RunClass.BULK if BACKFILL_ID_TAG in tags and AUTOMATION_CONDITION_TAG not in tags else RunClass.LIVE


def owner(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of tenant and source that a run's partition `tenant/source` implies; none for other runs."""
    tenant, slash, source = tags.get(PARTITION_NAME_TAG, tags.get(ASSET_PARTITION_RANGE_START_TAG, "")).partition("/")
    return {TENANT: tenant, SOURCE: source} if slash else {}


def next_virtual_time(served: int | None, waiting: int | None, own: int | None) -> int:
    """The virtual time at which a run that joins a class is to start.

    Args:
        served: The highest of the class's runs in progress; None where there are none.
        waiting: The lowest of those in the queue, which stands in for it then.
        own: The highest of the run's own tenant, queued or in progress.
    """
    reached = served if served is not None else waiting or 0
    return min(max(reached, 0 if own is None else own + 1), GAP - 1)


def priority(kind: RunClass, virtual_time: int) -> int:
    """The value of `dagster/priority`: higher goes first, within 32 bits."""
    return BASE[kind] - virtual_time


class TenantQueuedRunCoordinator(QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's queue with a run's tenant, source, class and priority written on it when it is submitted.

    A tenant has at most half of the places at once (at least one), so that its long runs do not keep the others
    waiting for hours; a tenant that has the platform to itself may use all of them. `PRECEDENT_TENANT_RUNS` sets
    another number.
    """

    _limit: tuple[float, int] | None = None

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Tag a run and put it into the queue."""
        run = context.dagster_run
        if run.status is dg.DagsterRunStatus.NOT_STARTED:
            self._instance.add_run_tags(run.run_id, self.tags(run, context.workspace.asset_graph))
        return super().submit_run(context)

    def tags(self, run: dg.DagsterRun, graph: BaseAssetGraph[Any]) -> dict[str, str]:
        """What is written on a run.

        Args:
            run: The submitted run.
            graph: The assets of the code locations, which say how far down the graph the run goes.

        Returns:
            Its tenant, source and class, its priority unless a person has set one, and whether it also makes
            everything that is made from what it makes.
        """
        kind = run_class(run.tags)
        tags = {CLASS: kind.value, **owner(run.tags), **coverage_tags(graph, run.job_name, run.asset_selection)}
        tenant = tags.get(TENANT, run.tags.get(TENANT, ""))
        if SOURCE in tags:
            tags[PARTITION] = f"{tenant}/{tags[SOURCE]}"
        if tenant and kind is not RunClass.INCIDENT:
            tags[TENANT_SLOT] = tenant
        if PRIORITY_TAG not in run.tags or VIRTUAL_TIME in run.tags:
            start = next_virtual_time(*self._virtual_times(kind, tenant))
            tags |= {VIRTUAL_TIME: str(start), PRIORITY_TAG: str(priority(kind, start))}
        return tags

    def get_run_queue_config(self) -> RunQueueConfig:
        """The limits of `dagster.yaml`, and the one per tenant."""
        config = super().get_run_queue_config()
        if config.max_concurrent_runs < 1:
            return config
        limit = {"key": TENANT_SLOT, "limit": self._tenant_runs(config), "value": {"applyLimitPerUniqueValue": True}}
        return config._replace(tag_concurrency_limits=[*config.tag_concurrency_limits, limit])

    def _virtual_times(self, kind: RunClass, tenant: str) -> tuple[int | None, int | None, int | None]:
        storage = self._instance.run_storage
        if not isinstance(storage, SqlRunStorage):
            raise UsageError("The run queue needs Dagster's storage in PostgreSQL: set `storage` in dagster.yaml.")
        with storage.connect() as connection:
            served, waiting, own = connection.execute(_virtual_times_of(kind, tenant)).one()
        return served, waiting, own

    def _tenant_runs(self, config: RunQueueConfig) -> int:
        said = os.environ.get(TENANT_RUNS)
        if said:
            if not said.isdigit() or int(said) < 1:
                raise UsageError(f"{TENANT_RUNS} must be a number of runs, 1 or more, not {said!r}: correct it.")
            return int(said)
        now = time.monotonic()
        # The daemon asks every few seconds, and tenants are seldom added.
        if self._limit is None or now - self._limit[0] > REMEMBERED_S:
            keys = self._instance.get_dynamic_partitions(PARTITIONS)
            alone = len({key.partition("/")[0] for key in keys}) < 2
            places = config.max_concurrent_runs
            self._limit = (now, places if alone else max(1, places // 2))
        return self._limit[1]


def _virtual_times_of(kind: RunClass, tenant: str) -> Select[Any]:
    start, held, whose = (RunTagsTable.alias(name) for name in ("start", "held", "whose"))
    status = RunsTable.c.status
    queued = status == dg.DagsterRunStatus.QUEUED.value
    # A tag can be edited: one that is not a number counts for nothing.
    number = case((start.c.value.regexp_match("^[0-9]{1,9}$"), cast(start.c.value, BigInteger)))
    joined = (
        RunsTable.join(start, (start.c.run_id == RunsTable.c.run_id) & (start.c.key == VIRTUAL_TIME))
        .join(held, (held.c.run_id == RunsTable.c.run_id) & (held.c.key == CLASS) & (held.c.value == kind.value))
        .outerjoin(whose, (whose.c.run_id == RunsTable.c.run_id) & (whose.c.key == TENANT))
    )
    counted = [dg.DagsterRunStatus.QUEUED.value, *(found.value for found in ACTIVE_RUN_STATUSES)]
    return (
        select(
            func.max(number).filter(~queued),
            func.min(number).filter(queued),
            func.max(number).filter(func.coalesce(whose.c.value, "") == tenant),
        )
        .select_from(joined)
        .where(status.in_(counted))
    )
