"""The code location: all assets, checks, jobs, sensors and schedules of these packages. It does no input or output."""

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import dagster as dg

import assets
from orchestration import automation, jobs, schedules, sensors
from orchestration.dagster_internals import UnresolvedAssetJobDefinition
from orchestration.maintenance import job as maintenance
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.provider_registry import ProviderRegistryResource
from resources.recommender import RecommenderResource


def modules_of(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of a package and of the packages in it."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield import_module(found.name)


def objects_of(modules: Iterable[ModuleType], *kinds: type) -> list[Any]:
    """The objects of some types that modules name, alone or in a list; each once, however many modules import it."""
    found: dict[int, Any] = {}
    for module in modules:
        for value in vars(module).values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, kinds):
                    found[id(item)] = item
    return list(found.values())


GRAPH = list(modules_of(assets))
WHEN = [*modules_of(sensors), automation, jobs, schedules, maintenance]

defs = dg.Definitions(
    # Checks are found as well: to Dagster they are assets definitions of their own.
    assets=objects_of(GRAPH, dg.AssetsDefinition, dg.SourceAsset),
    jobs=objects_of(WHEN, dg.JobDefinition, UnresolvedAssetJobDefinition),
    sensors=objects_of(WHEN, dg.SensorDefinition),
    schedules=objects_of(WHEN, dg.ScheduleDefinition),
    resources={
        "database": DatabaseResource(),
        "provider_registry": ProviderRegistryResource(),
        "embedder": EmbedderResource(),
        "recommender": RecommenderResource(),
    },
    # The steps of a run share one process: the model is loaded once, and a step costs no start of Python.
    executor=dg.in_process_executor,
)
