"""A plugin: the real sensors and schedules on a Dagster storage of their own and the session's database."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.instance import InstanceRef
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from orchestration.definitions import defs
from orchestration.instance import dagster_environment
from orchestration.sensors import database as sensor_database
from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.sources import schedule
from precedent.sources.records import RawKind
from precedent.sources.repository import SourceRow
from precedent.sources.schedule import ScheduledSource
from precedent.sources.sync.options import SyncOptions
from precedent.sources.sync.service import Reading, read_source
from precedent.tenants import tenants as tenancy
from tests.integration.automation.dagster_homes import dagster_home

PARTITIONS = "source"


@dataclass
class Ticking:
    """Ticks of sensors and schedules, and a tenant whose sources they look after."""

    instance: dg.DagsterInstance
    database: Database
    tenant: str

    @property
    def tenant_id(self) -> int:
        return tenancy.get(self.database, self.tenant).id

    def add(self, name: str, kind: str, configuration: dict[str, Any], **secrets: str) -> SourceRow:
        """A source with its partition, of which no sync has been made."""
        row = catalog.add(self.database, self.tenant, name, kind, configuration, secrets)
        self.instance.add_dynamic_partitions(PARTITIONS, [row.key])
        return row

    def sync(self, row: SourceRow) -> Reading:
        """Read a source as a run of its job would."""
        row = catalog.get(self.database, row.key)
        return read_source(self.database, row, SyncOptions(), frozenset(RawKind), logging.getLogger("sync"))

    def scheduled(self, row: SourceRow) -> ScheduledSource:
        """What a tick is told of a source."""
        return next(source for source in schedule.sources(self.database) if source.id == row.id)

    def tick(self, name: str, cursor: str | None = None) -> SensorExecutionData:
        """One evaluation of a sensor, as the daemon asks for it."""
        with self._loading(), dg.build_sensor_context(self.instance, cursor, definitions=defs) as context:
            return defs.resolve_sensor_def(name).evaluate_tick(context)

    def requested(self, name: str, cursor: str | None = None) -> list[dg.RunRequest]:
        """The runs that a tick asks for, of this tenant."""
        return self.own(self.tick(name, cursor).run_requests)

    def at(self, name: str, moment: datetime) -> list[dg.RunRequest]:
        """The runs that a schedule asks for at a moment, of this tenant."""
        repository = defs.get_repository_def()
        with self._loading(), dg.build_schedule_context(self.instance, moment, repository_def=repository) as context:
            return self.own(defs.resolve_schedule_def(name).evaluate_tick(context).run_requests)

    def _loading(self) -> AbstractContextManager[object]:
        """Partition keys of requests are checked, as they are on a code server."""
        return dg.partition_loading_context(dynamic_partitions_store=self.instance)

    def own(self, requests: Any) -> list[dg.RunRequest]:
        return [each for each in requests or () if (each.partition_key or each.run_key).startswith(f"{self.tenant}")]

    def queue(self, job: str, request: dg.RunRequest) -> str:
        """Put a requested run into the queue, where nobody takes it out."""
        tags = {**request.tags, "dagster/partition": request.partition_key or ""}
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("precedent"), "repository")
        return self.instance.create_run_for_job(
            defs.resolve_job_def(job),
            tags=tags,
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteJobOrigin(repository, job),
        ).run_id


@pytest.fixture(scope="module")
def sensor_instance(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dagster_home(database, tmp_path_factory.mktemp("sensors")) as (settings, endpoints):
        environment = dagster_environment(settings, endpoints)
        # Sources, keys and clones are those of the session; only runs and events live in a place of their own.
        environment.pop("PRECEDENT_HOME")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            logs = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
            reference = InstanceRef.from_dir(environment["DAGSTER_HOME"], overrides={"compute_logs": logs})
            with dg.DagsterInstance.from_ref(reference) as instance:
                yield instance
    while sensor_database._opened:
        sensor_database._opened.pop().close()


@pytest.fixture
def ticking(sensor_instance: dg.DagsterInstance, database: Database) -> Iterator[Ticking]:
    """A tenant of the test's own and no partitions but its."""
    name = f"t-{uuid4().hex[:8]}"
    tenancy.add(database, name)
    yield Ticking(sensor_instance, database, name)
    for key in sensor_instance.get_dynamic_partitions(PARTITIONS):
        sensor_instance.delete_dynamic_partition(PARTITIONS, key)


@pytest.fixture
def another(sensor_instance: dg.DagsterInstance, database: Database) -> Ticking:
    """Another tenant beside that of `ticking`."""
    name = f"u-{uuid4().hex[:8]}"
    tenancy.add(database, name)
    return Ticking(sensor_instance, database, name)
