"""Backfills: many sources at once, as runs of the queue that stand behind live work."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from assets.partitions import NAME, source_partitions
from orchestration.dagster_internals import (
    AssetGraphSubset,
    AssetKeyPartitionKey,
    AssetPartitionStatus,
    PartitionBackfill,
    make_new_backfill_id,
)
from orchestration.run_queue import CLASS, RunClass
from precedent.errors import UsageError


@dataclass(frozen=True, slots=True)
class Requested:
    """A backfill that Dagster's daemon will carry out: which assets of which partitions, in how many runs."""

    backfill_id: str
    partitions: tuple[str, ...]
    assets: tuple[str, ...]
    runs: int


def failed(
    instance: dg.DagsterInstance, assets: Collection[dg.AssetKey], partitions: Sequence[str]
) -> set[AssetKeyPartitionKey]:
    """What failed last: assets and partitions whose latest attempt did not end in a materialisation."""
    found = set()
    for key in assets:
        statuses = instance.get_status_by_partition(key, partitions, source_partitions) or {}
        found |= {
            AssetKeyPartitionKey(key, partition)
            for partition, status in statuses.items()
            if status is AssetPartitionStatus.FAILED
        }
    return found


def request(
    instance: dg.DagsterInstance,
    assets: Collection[dg.AssetKey],
    partitions: Sequence[str],
    *,
    only_failed: bool,
    run_config: Mapping[str, object],
    title: str,
) -> Requested | None:
    """Request a backfill; None where there is nothing to do.

    Args:
        instance: Where it is recorded; the daemon of `precedent up` carries it out, one run a source.
        assets: What to make.
        partitions: For which sources.
        only_failed: Leave out what did not fail.
        run_config: Of each run.
        title: What the Dagster UI calls it.

    Raises:
        UsageError: a partition that does not exist.
    """
    from orchestration.definitions import defs

    known = set(instance.get_dynamic_partitions(NAME))
    for partition in partitions:
        if partition not in known:
            raise UsageError(f"{partition} has no partition: add the source with `precedent source add`.")
    wanted = {AssetKeyPartitionKey(key, partition) for key in assets for partition in partitions}
    if only_failed:
        wanted = failed(instance, assets, partitions)
    if not wanted:
        return None
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        backfill_timestamp=time.time(),
        tags={CLASS: RunClass.BULK.value},
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset.from_asset_partition_set(wanted, defs.resolve_asset_graph()),
        title=title,
        description=None,
        run_config=run_config,
    )
    instance.add_backfill(backfill)
    sources = sorted({str(item.partition_key) for item in wanted})
    names = sorted({item.asset_key.to_user_string() for item in wanted})
    return Requested(backfill.backfill_id, tuple(sources), tuple(names), len(sources))
