"""What is made from an asset, and which assets are made source by source: derived from the asset graph.

A run that also makes everything that is made from what it makes has carried its changes on by itself. It is tagged, and
the automation condition then requests nothing for it (`assets.condition`).
"""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from assets.condition import COVERS_ALL_BELOW
from assets.definition import PER_SOURCE
from orchestration.dagster_internals import BaseAssetGraph

Graph = BaseAssetGraph[Any]


def layers(graph: Graph) -> Mapping[str, list[dg.AssetKey]]:
    """The assets that are made source by source, by layer, both in the order in which they are made."""
    found: dict[str, list[dg.AssetKey]] = {}
    for key in graph.toposorted_asset_keys:
        node = graph.get(key)
        if node.is_materializable and node.tags.items() >= PER_SOURCE.items():
            found.setdefault(node.group_name, []).append(key)
    return found


def below(graph: Graph, key: dg.AssetKey) -> frozenset[dg.AssetKey]:
    """Everything that automation makes from an asset, directly or not.

    A report over all sources goes by its schedule: that a source has changed leaves nothing of it to do.
    """
    found: set[dg.AssetKey] = set()
    waiting = [key]
    while waiting:
        new = {child for child in graph.asset_dep_graph["downstream"][waiting.pop()] if child not in found}
        found |= new
        waiting += new
    return frozenset(child for child in found if graph.get(child).automation_condition is not None)


def covers_all_below(graph: Graph, keys: Collection[dg.AssetKey]) -> bool:
    """True if a run that makes these assets also makes everything that is made from them."""
    made = frozenset(keys)
    return bool(made) and all(below(graph, key) <= made for key in made if graph.has(key))


def coverage_tags(graph: Graph, job: str, selection: Collection[dg.AssetKey] | None) -> Mapping[str, str]:
    """The tags of a run that say how far down the graph it goes.

    Args:
        graph: The assets of the code location.
        job: The job of the run.
        selection: The assets that the run makes; None if it makes all of the job's.
    """
    keys = graph.asset_keys_for_job(job) if selection is None else selection
    return COVERS_ALL_BELOW if covers_all_below(graph, keys) else {}
