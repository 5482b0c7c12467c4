"""All that is used of Dagster's private modules, in one place.

Dagster promises nothing for `dagster._core`; the version is pinned in pyproject.toml for that reason. After a change
of the version the tests of this module say which names are gone, and only this module has to be adapted.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.instance import InstanceRef
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES, FINISHED_STATUSES, NOT_FINISHED_STATUSES
from dagster._core.storage.partition_status_cache import AssetPartitionStatus
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG,
    AUTOMATION_CONDITION_TAG,
    BACKFILL_ID_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
)
from dagster._core.utils import make_new_backfill_id
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import SQLAlchemyError

__all__ = [
    "ACTIVE_RUN_STATUSES",
    "ASSET_PARTITION_RANGE_START_TAG",
    "AUTOMATION_CONDITION_TAG",
    "BACKFILL_ID_TAG",
    "FINISHED_STATUSES",
    "NOT_FINISHED_STATUSES",
    "PARTITION_NAME_TAG",
    "PRIORITY_TAG",
    "AssetGraphSubset",
    "AssetKeyPartitionKey",
    "AssetPartitionStatus",
    "BaseAssetGraph",
    "DagsterAssetCheckFailedError",
    "InstanceRef",
    "PartitionBackfill",
    "QueuedRunCoordinator",
    "RunQueueConfig",
    "RunTagsTable",
    "RunsTable",
    "SqlRunStorage",
    "SubmitRunContext",
    "UnresolvedAssetJobDefinition",
    "WorkspaceFileTarget",
    "WorkspaceProcessContext",
    "ending_with_storage",
    "make_new_backfill_id",
    "pooled",
]

# The program of the daemon: started as a module, it is the one of this environment.
DAEMON_MODULE = "dagster._daemon"

# What is logged of each attempt to reach the storage, at the root of all loggers.
RETRYING = "Retrying failed database connection: %s"

# Output of a run in this process goes to the terminal, not into log files.
NO_COMPUTE_LOGS: dict[str, Any] = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


class StorageLostError(BaseException):
    """Dagster's storage is gone in the middle of a run; the cause says why.

    Dagster makes an event of every `Exception` of a run and writes it to the same storage, again and again. What is no
    `Exception` ends the run at once, as an interrupt does.
    """


@contextmanager
def ending_with_storage(instance: dg.DagsterInstance) -> Iterator[None]:
    """Let a run end with the first event that cannot be written, and say nothing of the attempts before.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the storage cannot be reached.
    """
    lost: list[BaseException] = []
    write = instance.handle_new_event

    def written(*arguments: Any, **options: Any) -> None:
        if lost:
            raise StorageLostError from lost[0]
        try:
            write(*arguments, **options)
        except (DagsterPostgresException, SQLAlchemyError) as error:
            lost.append(error.__cause__ if isinstance(error, DagsterPostgresException) and error.__cause__ else error)
            raise StorageLostError from lost[0]

    def is_no_attempt(record: logging.LogRecord) -> bool:
        return record.msg != RETRYING

    instance.handle_new_event = written  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addFilter(is_no_attempt)
    try:
        yield
    except (StorageLostError, DagsterPostgresException) as error:
        raise (error.__cause__ or error) from None
    finally:
        root.removeFilter(is_no_attempt)
        instance.handle_new_event = write  # type: ignore[method-assign]


@contextmanager
def pooled(instance: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """Keep a connection of each of the instance's storages open until the end.

    By itself Dagster opens a connection to PostgreSQL for every statement: a refresh in which nothing changed makes
    450 of them, and they are a fifth of its time. It has a way to keep them, which its web server uses.
    """
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=-1, max_overflow=10)
    try:
        yield instance
    finally:
        for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
            engine = getattr(storage, "_engine", None)
            if engine is not None:
                engine.dispose()
