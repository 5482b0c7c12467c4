"""Dagster's run queue, made fair: no tenant's hundred runs stand in front of another's first.

Dagster starts the queued run with the highest `dagster/priority`, the oldest first among equals. This coordinator
writes that tag when a run is submitted, whoever submits it: a class (incidents, live work, bulk) that always goes
before the next, and inside it the run's turn. Turns are those of start-time fair queueing (Goyal, Vin and Cheng,
1996): a run's turn is the later of the class's virtual time and one after the last turn of its own tenant. Tenants so
take turns, and each tenant's runs keep the order in which they came.
"""

import os
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy import BigInteger, Select, case, cast, func, select

from assets.partitions import source_partitions
from orchestration.coverage import reach_tags
from precedent.errors import UsageError

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
BACKFILL = "dagster/backfill"
AUTOMATION = "dagster/from_automation_condition"
PRIORITY = "dagster/priority"

TENANT = "precedent/tenant"
SOURCE = "precedent/source"
CLASS = "precedent/class"
# With it a priority is ours, to be reckoned anew when a retry inherits the tags; without it somebody set it by hand.
TURN = "precedent/turn"
# What the limit per tenant counts: the tenant's runs without its incident analyses, which are short and urgent.
LANE = "precedent/lane"

# What the limit of one run a source counts. Dagster's own tag of a partition is missing on the runs of a backfill,
# which name a range even where it holds one partition.
KEY = "precedent/partition"

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
    return RunClass.BULK if BACKFILL in tags and AUTOMATION not in tags else RunClass.LIVE


def owner(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of tenant and source that a run's partition `tenant/source` implies; none for other runs."""
    tenant, slash, source = tags.get(PARTITION, tags.get(RANGE_START, "")).partition("/")
    return {TENANT: tenant, SOURCE: source} if slash else {}


def next_turn(served: int | None, waiting: int | None, own: int | None) -> int:
    """The turn of a run that joins a class.

    Args:
        served: The highest turn among the class's runs in progress: its virtual time. None where there are none.
        waiting: The lowest turn among those in the queue, which stands in for it then.
        own: The highest turn of the run's own tenant, queued or in progress.
    """
    reached = served if served is not None else waiting or 0
    return min(max(reached, 0 if own is None else own + 1), GAP - 1)


def priority(kind: RunClass, turn: int) -> int:
    """The value of `dagster/priority`: higher goes first, within 32 bits."""
    return BASE[kind] - turn


class TenantQueuedRunCoordinator(QueuedRunCoordinator[DagsterInstance]):
    """Dagster's queue with a run's tenant, source, class and priority written on it when it is submitted.

    A tenant has at most half of the places at once (at least one), so that nobody's long runs keep the others waiting
    for hours; a tenant that has the platform to itself may use all of them. `PRECEDENT_TENANT_RUNS` sets another
    number.
    """

    _limit: tuple[float, int] | None = None

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Tag a run and put it into the queue."""
        run = context.dagster_run
        if run.status is DagsterRunStatus.NOT_STARTED:
            self._instance.add_run_tags(run.run_id, self.tags(run))
        return super().submit_run(context)

    def tags(self, run: DagsterRun) -> dict[str, str]:
        """What is written on a run: whose it is, its class, and its priority unless somebody has set one."""
        kind = run_class(run.tags)
        tags = {CLASS: kind.value, **owner(run.tags), **reach_tags(run.job_name, run.asset_selection)}
        tenant = tags.get(TENANT, run.tags.get(TENANT, ""))
        if SOURCE in tags:
            tags[KEY] = f"{tenant}/{tags[SOURCE]}"
        if tenant and kind is not RunClass.INCIDENT:
            tags[LANE] = tenant
        if PRIORITY not in run.tags or TURN in run.tags:
            turn = next_turn(*self._turns(kind, tenant))
            tags |= {TURN: str(turn), PRIORITY: str(priority(kind, turn))}
        return tags

    def get_run_queue_config(self) -> RunQueueConfig:
        """The limits of `dagster.yaml`, and the one per tenant."""
        config = super().get_run_queue_config()
        if config.max_concurrent_runs < 1:
            return config
        limit = {"key": LANE, "limit": self._tenant_runs(config), "value": {"applyLimitPerUniqueValue": True}}
        return config._replace(tag_concurrency_limits=[*config.tag_concurrency_limits, limit])

    def _turns(self, kind: RunClass, tenant: str) -> tuple[int | None, int | None, int | None]:
        storage = self._instance.run_storage
        if not isinstance(storage, SqlRunStorage):
            raise UsageError("The run queue needs Dagster's storage in PostgreSQL: set `storage` in dagster.yaml.")
        with storage.connect() as connection:
            served, waiting, own = connection.execute(_turns_of(kind, tenant)).one()
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
            keys = self._instance.get_dynamic_partitions(source_partitions.name or "source")
            alone = len({key.partition("/")[0] for key in keys}) < 2
            places = config.max_concurrent_runs
            self._limit = (now, places if alone else max(1, places // 2))
        return self._limit[1]


def _turns_of(kind: RunClass, tenant: str) -> Select[Any]:
    turn, held, whose = (RunTagsTable.alias(name) for name in ("turn", "held", "whose"))
    status = RunsTable.c.status
    queued = status == DagsterRunStatus.QUEUED.value
    # A tag can be edited: one that is no number counts for nothing.
    number = case((turn.c.value.regexp_match("^[0-9]{1,9}$"), cast(turn.c.value, BigInteger)))
    joined = (
        RunsTable.join(turn, (turn.c.run_id == RunsTable.c.run_id) & (turn.c.key == TURN))
        .join(held, (held.c.run_id == RunsTable.c.run_id) & (held.c.key == CLASS) & (held.c.value == kind.value))
        .outerjoin(whose, (whose.c.run_id == RunsTable.c.run_id) & (whose.c.key == TENANT))
    )
    counted = [DagsterRunStatus.QUEUED.value, *(found.value for found in ACTIVE_RUN_STATUSES)]
    return (
        select(
            func.max(number).filter(~queued),
            func.min(number).filter(queued),
            func.max(number).filter(func.coalesce(whose.c.value, "") == tenant),
        )
        .select_from(joined)
        .where(status.in_(counted))
    )
