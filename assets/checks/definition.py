"""How the checks of a source are defined."""

from collections.abc import Mapping

import dagster as dg

from assets.partitions import source_partitions


def source_checks(
    asset: str, checks: Mapping[str, str], *, blocking: frozenset[str] = frozenset()
) -> list[dg.AssetCheckSpec]:
    """The specifications of checks that one function makes, in one step of a run.

    Args:
        asset: The key of the checked asset, `layer/name`.
        checks: What each check asserts, by its name.
        blocking: Names of the checks whose failure stops what reads the asset.
    """
    return [
        dg.AssetCheckSpec(
            name,
            asset=dg.AssetKey(asset.split("/")),
            description=description,
            blocking=name in blocking,
            partitions_def=source_partitions,
        )
        for name, description in checks.items()
    ]
