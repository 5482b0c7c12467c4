"""How an asset is defined that is made source by source: all that these assets have in common, in one place.

An asset made by `source_asset` is complete: partitions, backfill policy, owners, group, automation, and its part in
`precedent refresh` and in backfills. The code location finds it by loading the modules of the package `assets`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import dagster as dg

from assets.condition import follows_data
from assets.partitions import backfill_policy, source_partitions

OWNERS = ["team:data-engineering"]
# On every asset that is made source by source: by this tag the job `refresh` selects them.
PER_SOURCE = {"precedent/per": "source"}


def source_asset(
    key: str,
    *,
    deps: Sequence[str],
    kinds: Collection[str] = ("postgres", "python"),
    code_version: str = "1",
    pool: str | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Define an asset that is made for one source at a time, whenever the data that it reads has changed.

    The decorated function takes `context`, whose `partition_key` names the source, and the resources that it needs;
    it returns `assets.row_metadata.materialized(...)`. Its docstring is the description of the asset.

    Args:
        key: `layer/name`; the layer is the group of the asset, and the folder in which its module stands.
        deps: The keys of the assets that it reads, `layer/name` each.
        kinds: What it is made with; the graph in the UI shows it.
        code_version: Raise it when the same data would give another result: each source is then made again, once.
        pool: A pool of Dagster, which limits how many steps that use it run at the same time.
    """
    return dg.asset(
        key=key.split("/"),
        kinds=set(kinds),
        code_version=code_version,
        pool=pool,
        partitions_def=source_partitions,
        backfill_policy=backfill_policy,
        automation_condition=follows_data(),
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        group_name=key.split("/")[0],
        owners=OWNERS,
        tags=PER_SOURCE,
    )


def source_spec(key: str, *, kinds: Collection[str], code_version: str, description: str) -> dg.AssetSpec:
    """Specify one of several assets that one function makes from a source, without automation: sensors ask for it.

    Args:
        key: As for `source_asset`.
        kinds: As for `source_asset`.
        code_version: As for `source_asset`.
        description: What the asset holds.
    """
    return dg.AssetSpec(
        key.split("/"),
        kinds=set(kinds),
        code_version=code_version,
        description=description,
        skippable=True,
        partitions_def=source_partitions,
        group_name=key.split("/")[0],
        owners=OWNERS,
        tags=PER_SOURCE,
    )
