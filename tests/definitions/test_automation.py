"""The condition that moves data down the graph, evaluated by Dagster itself on its PostgreSQL storage."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from assets.condition import CONFIGURATION, COVERS_ALL_BELOW, follows_data
from orchestration.instance import dagster_instance
from precedent.database.session import Database
from precedent.settings import Settings

ORDER = ["source", "text", "vectors", "report"]


class Graph:
    """source -> text -> vectors (with a blocking check) -> report, and an observed configuration of `vectors`."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        # Events of the same asset and partition would be found again by the next test.
        self.tenant = uuid4().hex
        self.partitions = dg.DynamicPartitionsDefinition(name=f"automation-{self.tenant}")
        self.data = "1"
        self.settings = "1"
        self.fails: set[str] = set()
        self.check_passes = True
        self.code = "1"
        self.cursor: object = None
        instance.add_dynamic_partitions(self.partitions.name or "", [self.key("one"), self.key("two")])

    def key(self, name: str) -> str:
        return f"{self.tenant}/{name}"

    def definitions(self) -> dg.Definitions:
        graph, condition = self, follows_data()

        def made(name: str, version: str) -> dg.MaterializeResult[None]:
            if name in graph.fails:
                raise dg.Failure(description=f"{name} was told to fail", allow_retries=False)
            return dg.MaterializeResult(data_version=dg.DataVersion(version))

        @dg.asset(partitions_def=graph.partitions)
        def source() -> dg.MaterializeResult[None]:
            return made("source", graph.data)

        @dg.observable_source_asset(key=["config", "model"], group_name="config", partitions_def=graph.partitions)
        def model() -> dg.DataVersionsByPartition:
            return dg.DataVersionsByPartition(
                {graph.key(name): dg.DataVersion(graph.settings) for name in ("one", "two")}
            )

        @dg.asset(
            deps=[source], partitions_def=graph.partitions, automation_condition=condition, code_version=graph.code
        )
        def text() -> dg.MaterializeResult[None]:
            return made("text", f"text of {graph.data}")

        @dg.asset(deps=[text, ["config", "model"]], partitions_def=graph.partitions, automation_condition=condition)
        def vectors() -> dg.MaterializeResult[None]:
            return made("vectors", f"vectors of {graph.data} by {graph.settings}")

        @dg.asset_check(asset=vectors, blocking=True, partitions_def=graph.partitions)
        def whole() -> dg.AssetCheckResult:
            return dg.AssetCheckResult(passed=graph.check_passes)

        @dg.asset(deps=[vectors], partitions_def=graph.partitions, automation_condition=condition)
        def report() -> dg.MaterializeResult[None]:
            return made("report", f"report on {graph.data}")

        return dg.Definitions(
            assets=[source, model, text, vectors, report],
            asset_checks=[whole],
            jobs=[dg.define_asset_job("look", CONFIGURATION)],
            executor=dg.in_process_executor,
        )

    def tick(self) -> set[tuple[str, str]]:
        """What one evaluation requests: (asset, partition)."""
        result = dg.evaluate_automation_conditions(
            defs=self.definitions(),
            instance=self.instance,
            cursor=self.cursor,  # type: ignore[arg-type]
        )
        self.cursor = result.cursor
        found = set()
        for name in ("text", "vectors", "report"):
            requested = result.get_requested_partitions(dg.AssetKey(name))
            found |= {(name, key.partition("/")[2]) for key in requested if key}
        return found

    def run(self, *names: str, partition: str = "one") -> None:
        """Run assets as the daemon would: what fails is recorded, not raised."""
        job = self.definitions().resolve_implicit_global_asset_job_def()
        needed = ORDER[min(ORDER.index(name) for name in names) :]
        job.execute_in_process(
            instance=self.instance,
            partition_key=self.key(partition),
            raise_on_error=False,
            asset_selection=[dg.AssetKey(name) for name in names],
            tags=COVERS_ALL_BELOW if set(needed) <= set(names) else {},
        )

    def observe(self) -> None:
        """Look at the configuration."""
        self.definitions().resolve_job_def("look").execute_in_process(instance=self.instance)


@pytest.fixture
def graph(database: Database, platform_home: Path) -> Iterator[Graph]:
    with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
        yield Graph(instance)


@pytest.fixture
def settled(graph: Graph) -> Graph:
    """Everything of partition `one` is made, and nothing is wanted of it."""
    graph.tick()
    graph.run("source", "text", "vectors", "report")
    for _ in range(3):
        graph.tick()
    assert graph.tick() == set()
    return graph


DOWN = {("text", "one"), ("vectors", "one"), ("report", "one")}


def test_a_source_that_was_never_loaded_is_not_asked_for_downstream(graph: Graph) -> None:
    assert graph.tick() == set()


def test_first_data_goes_all_the_way_down_and_only_in_its_partition(graph: Graph) -> None:
    graph.tick()
    graph.run("source")
    requested = graph.tick()
    assert ("text", "one") in requested
    assert {key for _, key in requested} == {"one"}


def test_unchanged_data_requests_nothing(settled: Graph) -> None:
    settled.run("source")
    assert settled.tick() == set()
    assert settled.tick() == set()


def test_changed_data_is_requested_once(settled: Graph) -> None:
    settled.data = "2"
    settled.run("source")
    assert settled.tick() == DOWN
    settled.run("text", "vectors", "report")
    assert settled.tick() == set()
    assert settled.tick() == set()


def test_partitions_made_between_two_ticks_are_each_asked_for_once(settled: Graph) -> None:
    settled.run("source", partition="two")
    assert ("text", "two") in settled.tick()
    settled.run("text", "vectors", "report", partition="two")
    settled.tick()
    settled.data = "2"
    for partition in ("one", "two"):
        settled.run("source", partition=partition)
    assert settled.tick() == DOWN | {(name, "two") for name, _ in DOWN}
    for partition in ("one", "two"):
        settled.run("text", "vectors", "report", partition=partition)
    assert [settled.tick() for _ in range(3)] == [set(), set(), set()]


def test_what_somebody_makes_by_hand_is_carried_on(settled: Graph) -> None:
    settled.data = "2"
    settled.run("source")
    settled.tick()
    settled.run("text", "vectors", "report")
    settled.tick()
    settled.data = "3"
    settled.run("source", "text")
    assert settled.tick() >= {("vectors", "one"), ("report", "one")}


def test_a_changed_observation_makes_what_reads_it_and_nothing_above(settled: Graph) -> None:
    settled.observe()
    settled.tick()
    settled.run("vectors", "report")
    settled.tick()
    settled.settings = "2"
    settled.observe()
    assert settled.tick() == {("vectors", "one"), ("report", "one")}


def test_an_observation_that_never_happened_holds_nothing_back(graph: Graph) -> None:
    graph.tick()
    graph.run("source")
    assert ("vectors", "one") in graph.tick()


def test_what_was_asked_for_and_cancelled_is_not_asked_for_again(graph: Graph) -> None:
    graph.tick()
    graph.run("source")
    assert graph.tick()
    assert [graph.tick() for _ in range(3)] == [set(), set(), set()]


def test_new_code_is_run_once_on_what_is_there(settled: Graph) -> None:
    settled.code = "2"
    assert ("text", "one") in settled.tick()
    settled.run("text", "vectors", "report")
    assert settled.tick() == set()


def test_a_failed_run_is_requested_again_once(settled: Graph) -> None:
    settled.data = "2"
    settled.run("source")
    settled.tick()
    settled.fails = {"text"}
    settled.run("text", "vectors", "report")
    assert ("text", "one") in settled.tick()
    settled.run("text", "vectors", "report")
    assert [settled.tick() for _ in range(3)] == [set(), set(), set()]


def test_a_failure_long_after_the_request_is_requested_again_once(settled: Graph) -> None:
    settled.data = "2"
    settled.run("source")
    settled.tick()
    settled.tick()
    settled.fails = {"text"}
    settled.run("text", "vectors", "report")
    assert ("text", "one") in settled.tick()
    settled.run("text", "vectors", "report")
    assert [settled.tick() for _ in range(3)] == [set(), set(), set()]


def test_a_change_right_after_a_request_is_not_lost(settled: Graph) -> None:
    settled.data = "2"
    settled.run("source")
    assert settled.tick() == DOWN
    settled.run("text", "vectors", "report")
    settled.data = "3"
    settled.run("source")
    assert settled.tick() == DOWN


def test_a_change_during_a_failed_run_is_not_lost(settled: Graph) -> None:
    settled.data = "2"
    settled.run("source")
    settled.tick()
    settled.fails = {"vectors"}
    settled.run("text", "vectors", "report")
    settled.fails = set()
    assert ("vectors", "one") in settled.tick()


def test_a_blocked_check_holds_back_what_depends_on_it(settled: Graph) -> None:
    settled.check_passes = False
    settled.data = "2"
    settled.run("source")
    settled.tick()
    settled.run("text", "vectors", "report")
    assert "report" not in {name for name, _ in settled.tick()}
    settled.check_passes = True
    settled.run("vectors")
    assert ("report", "one") in settled.tick()


def test_configuration_is_the_group_that_holds_nothing_back() -> None:
    from orchestration.definitions import defs

    keys = CONFIGURATION.resolve(defs.resolve_asset_graph())
    assert keys == {dg.AssetKey(["config", "embedding_profile"]), dg.AssetKey(["config", "intelligence_provider"])}


def test_every_asset_below_the_sources_follows_data() -> None:
    from orchestration.definitions import defs

    graph = defs.resolve_asset_graph()
    without = {
        key.to_user_string() for key in graph.materializable_asset_keys if graph.get(key).automation_condition is None
    }
    assert {name for name in without if not name.startswith("raw/")} == {"reports/usage_cost"}
