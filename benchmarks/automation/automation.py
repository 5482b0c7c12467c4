"""The evaluation of every automation condition over the real graph, as the daemon does it."""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.automation_tick_evaluation_context import AutomationTickEvaluationContext
from dagster._daemon.asset_daemon import (
    asset_daemon_cursor_from_instigator_serialized_cursor,
    asset_daemon_cursor_to_instigator_serialized_cursor,
)

from orchestration.automation import automation
from orchestration.definitions import defs


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation: seconds, statements to PostgreSQL, runs requested, characters of the cursor that is stored."""

    situation: str
    seconds: float
    statements: int
    runs: int
    cursor: int


def evaluations(
    instance: dg.DagsterInstance, keys: Sequence[str], changed: Sequence[str], counted: Sequence[int]
) -> Iterator[Evaluation]:
    """Evaluate before anything is made, after all is, twice with nothing new, and after changes.

    Args:
        instance: Where events are reported and read.
        keys: All partitions.
        changed: Those whose issues change.
        counted: Its only number counts statements.
    """
    graph = defs.resolve_asset_graph()
    partitioned = [key for key in graph.materializable_asset_keys if graph.get(key).partitions_def is not None]
    cursor = asset_daemon_cursor_to_instigator_serialized_cursor(AssetDaemonCursor.empty())
    for number, situation in enumerate(("new", "all made", "unchanged", "unchanged", "1 % changed"), start=1):
        if situation == "all made":
            for asset in partitioned:
                made(instance, asset, keys, "1")
        if situation == "1 % changed":
            made(instance, dg.AssetKey(["raw", "issues"]), changed, "2")
        before, began = counted[0], time.perf_counter()
        cursor, runs = evaluated(instance, cursor, number)
        yield Evaluation(situation, time.perf_counter() - began, counted[0] - before, runs, len(cursor))


def evaluated(instance: dg.DagsterInstance, cursor: str, number: int) -> tuple[str, int]:
    """The cursor after one evaluation, and how many runs it requests."""
    graph = defs.resolve_asset_graph()
    context = AutomationTickEvaluationContext(
        evaluation_id=number,
        instance=instance,
        asset_graph=graph,
        cursor=asset_daemon_cursor_from_instigator_serialized_cursor(cursor, graph),
        materialize_run_tags={},
        observe_run_tags={},
        auto_observe_asset_keys=set(),
        asset_selection=automation.asset_selection,
        logger=logging.getLogger(__name__),
        emit_backfills=False,
    )
    requests, after, _ = context.evaluate()
    return asset_daemon_cursor_to_instigator_serialized_cursor(after), len(requests)


def made(instance: dg.DagsterInstance, asset: dg.AssetKey, keys: Sequence[str], version: str) -> None:
    """Say that these partitions of an asset were made."""
    tags = {"dagster/data_version": version}

    def report(key: str) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key, tags=tags))

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(report, keys))
