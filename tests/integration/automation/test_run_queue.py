"""The queue as Dagster's daemon empties it, on PostgreSQL and with the `dagster.yaml` of the checkout.

Only the launcher is another: it marks a run as started and starts no process.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.instance import InstanceRef
from dagster._core.launcher.base import LaunchRunContext, RunLauncher
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from orchestration.instance import dagster_environment
from orchestration.run_queue import TenantQueuedRunCoordinator
from precedent.database.session import Database
from tests.integration.automation.dagster_homes import dagster_home


class StartingLauncher(RunLauncher[dg.DagsterInstance], ConfigurableClass):
    """Says that a run has started."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "StartingLauncher":
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        report(self._instance, context.dagster_run.run_id, DagsterEventType.RUN_START)

    def terminate(self, run_id: str) -> bool:
        return False


@dg.op
def nothing() -> None:
    """Is not run."""


@dg.job
def work() -> None:
    nothing()


# Where a run's code would be asked for; the queue only wants to know that there is such a place.
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("precedent"), "repository"), "work")


def report(instance: dg.DagsterInstance, run_id: str, kind: DagsterEventType) -> None:
    instance.report_dagster_event(DagsterEvent(event_type_value=kind.value, job_name="work"), run_id=run_id)


@dataclass
class Queue:
    instance: dg.DagsterInstance
    context: WorkspaceProcessContext
    daemon: QueuedRunCoordinatorDaemon

    def submit(self, key: str | None, **tags: str) -> str:
        """A run of a partition; tags as `precedent__class="bulk"`. Returns its id."""
        all_tags = {name.replace("__", "/"): value for name, value in tags.items()}
        if key:
            all_tags["dagster/partition"] = key
        run = self.instance.create_run_for_job(work, tags=all_tags, remote_job_origin=ORIGIN)
        coordinator = self.instance.run_coordinator
        coordinator.submit_run(SubmitRunContext(run, self.context.create_request_context()))
        return run.run_id

    def started(self) -> set[str]:
        runs = self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        return {run.run_id for run in runs}

    def start(self) -> set[str]:
        """One round of the daemon: what it has started."""
        before = self.started()
        for _ in self.daemon.run_iteration(self.context):
            pass
        return self.started() - before

    def finish(self, *runs: str) -> None:
        for run in runs or self.started():
            report(self.instance, run, DagsterEventType.RUN_SUCCESS)

    def rounds(self, number: int) -> list[set[str]]:
        """What was started in each round, everything being finished in between."""
        found = []
        for _ in range(number):
            found.append(self.start())
            self.finish()
        return found

    def tags(self, run_id: str) -> Mapping[str, str]:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.tags


@pytest.fixture(scope="module")
def instance(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dagster_home(database, tmp_path_factory.mktemp("queue")) as (settings, endpoints):
        environment = dagster_environment(settings, endpoints)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            overrides = {"run_launcher": {"module": __name__, "class": "StartingLauncher"}}
            reference = InstanceRef.from_dir(environment["DAGSTER_HOME"], overrides=overrides)
            with dg.DagsterInstance.from_ref(reference) as opened:
                yield opened


@pytest.fixture
def queue(instance: dg.DagsterInstance) -> Iterator[Queue]:
    """An empty queue on a platform of two tenants."""
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    for key in instance.get_dynamic_partitions("source"):
        instance.delete_dynamic_partition("source", key)
    instance.add_dynamic_partitions("source", ["a/one", "b/one"])
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, TenantQueuedRunCoordinator)
    coordinator._limit = None  # what it remembers of another test's tenants
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
        daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
        yield Queue(instance, context, daemon)


def test_three_runs_of_a_tenant_do_not_wait_for_the_two_hundred_of_another(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECEDENT_TENANT_RUNS", "2")
    many = [queue.submit(f"a/{number}") for number in range(200)]
    few = [queue.submit(f"b/{number}") for number in range(3)]
    assert set().union(*queue.rounds(3)) == {*many[:3], *few}


def test_who_comes_while_others_are_served_is_next(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_TENANT_RUNS", "2")
    many = [queue.submit(f"a/{number}") for number in range(10)]
    queue.rounds(2)
    assert queue.start() == {many[4], many[5]}
    first, second = (queue.submit(f"b/{number}") for number in range(2))
    queue.finish(many[4])
    assert queue.start() == {first}
    queue.finish(many[5])
    assert queue.start() == {many[6]}
    queue.finish()
    assert queue.start() == {second, many[7]}


def test_a_tenants_runs_keep_their_order_when_others_follow(queue: Queue) -> None:
    runs = [queue.submit(f"a/{number}") for number in range(4)]
    began = queue.rounds(2)
    runs += [queue.submit(f"a/{number}") for number in range(4, 6)]
    assert [*began, *queue.rounds(4)] == [{run} for run in runs]


def test_one_tenants_long_runs_leave_a_place_to_another(queue: Queue) -> None:
    long = queue.submit("a/one")
    queue.submit("a/two")
    assert queue.start() == {long}
    other = queue.submit("b/one")
    assert queue.start() == {other}


def test_a_tenant_that_is_alone_uses_all_places(queue: Queue) -> None:
    queue.instance.delete_dynamic_partition("source", "b/one")
    runs = {queue.submit("a/one"), queue.submit("a/two")}
    assert queue.start() == runs


def test_the_analysis_of_an_incident_goes_before_everything_that_waits(queue: Queue) -> None:
    queue.submit("a/one")
    queue.start()
    queue.submit("b/one")
    # Its own tenant's place is taken, and yet it does not wait.
    urgent = queue.submit("a/two", precedent__class="incident")
    assert queue.start() == {urgent}


def test_backfills_and_bulk_work_come_after_live_runs(queue: Queue) -> None:
    queue.instance.delete_dynamic_partition("source", "b/one")
    bulk = queue.submit("a/one", precedent__class="bulk")
    backfill = queue.submit("a/two", dagster__backfill="abcdefgh")
    live = {queue.submit("a/three"), queue.submit("a/four")}
    assert queue.rounds(2) == [live, {bulk, backfill}]


def test_two_runs_of_one_source_are_never_under_way_at_once(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_TENANT_RUNS", "2")
    runs = [queue.submit("a/one") for _ in range(3)]
    assert queue.rounds(3) == [{run} for run in runs]


def test_a_backfills_run_waits_for_a_live_one_of_the_same_source(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_TENANT_RUNS", "2")
    spans = {"dagster/asset_partition_range_start": "a/one", "dagster/asset_partition_range_end": "a/one"}
    bulk = queue.submit(None, dagster__backfill="abcdefgh", **{k.replace("/", "__"): v for k, v in spans.items()})
    live = queue.submit("a/one")
    assert queue.rounds(2) == [{live}, {bulk}]


def test_a_run_says_whose_it_is_and_of_what_class(queue: Queue) -> None:
    tags = queue.tags(queue.submit("acme/records", dagster__backfill="abcdefgh"))
    assert {name: tags[name] for name in tags if name.startswith("precedent/")} == {
        "precedent/tenant": "acme",
        "precedent/source": "records",
        "precedent/class": "bulk",
        "precedent/tenant_slot": "acme",
        "precedent/virtual_time": "0",
        "precedent/partition": "acme/records",
    }


def test_a_priority_that_somebody_has_set_stays(queue: Queue) -> None:
    queue.submit("a/one")
    chosen = queue.submit("b/one", dagster__priority="7")
    assert queue.tags(chosen)["dagster/priority"] == "7"


def test_a_retry_stands_in_the_queue_anew(queue: Queue) -> None:
    inherited = dict(queue.tags(queue.submit("a/one")))
    queue.submit("a/two")
    again = queue.tags(queue.submit("a/one", **{name.replace("/", "__"): tag for name, tag in inherited.items()}))
    assert again["precedent/virtual_time"] == "2"


def test_a_turn_that_is_no_number_counts_for_nothing(queue: Queue) -> None:
    queue.instance.add_run_tags(queue.submit("a/one"), {"precedent/virtual_time": "soon"})
    assert queue.tags(queue.submit("a/two"))["precedent/virtual_time"] == "0"


def test_runs_without_a_partition_take_turns_with_the_tenants(queue: Queue) -> None:
    platform = [queue.submit(None) for _ in range(4)]
    tenant = queue.submit("a/one")
    counted = Counter({run: place for place, began in enumerate(queue.rounds(3)) for run in began})
    assert counted[tenant] < counted[platform[2]]
