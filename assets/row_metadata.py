"""The metadata that every asset with a table reports under the same keys."""

import base64
from collections.abc import Mapping
from typing import Any

import dagster as dg

Value = dg.MetadataValue[Any] | str | float | int | dict[str, Any] | list[Any]
Metadata = dict[str, Value]


def materialized(
    table: str,
    total: int,
    version: str,
    *,
    added: int = 0,
    changed: int = 0,
    unchanged: int = 0,
    deleted: int = 0,
    failed: int = 0,
    seconds: float | None = None,
    key: dg.AssetKey | None = None,
    metadata: Mapping[str, Value] | None = None,
) -> dg.MaterializeResult[None]:
    """What an asset returns: its rows after the run, what the run did to them, and the version of the data.

    Args:
        table: The table that holds the rows.
        total: Rows of the partition after the run.
        version: A digest of these rows: what reads them is made again when it changes.
        added: Rows that are new.
        changed: Rows that hold something else now.
        unchanged: Rows that hold what they held.
        deleted: Rows that are gone.
        failed: Rows that could not be made; the next run tries them again.
        seconds: How long the work took, for the rate.
        key: Which asset, where a function makes several.
        metadata: Further entries; their keys have the form `subject/name`.
    """
    found: Metadata = {
        "dagster/table_name": f"precedent.public.{table}",
        "dagster/partition_row_count": total,
        "rows/added": added,
        "rows/changed": changed,
        "rows/unchanged": unchanged,
        "rows/deleted": deleted,
        "rows/failed": failed,
    }
    if seconds:
        found["rate/rows_per_s"] = round((added + changed) / seconds, 1)
    return dg.MaterializeResult(
        asset_key=key, metadata={**found, **(metadata or {})}, data_version=dg.DataVersion(version)
    )


def picture(name: str, image: bytes, kind: str = "png") -> dg.MetadataValue:
    """A picture inside an entry, which the UI shows without a request for a file.

    Args:
        name: The text that stands where the picture cannot be shown.
        image: The picture.
        kind: `png` or `svg+xml`.
    """
    return dg.MetadataValue.md(f"![{name}](data:image/{kind};base64,{base64.b64encode(image).decode()})")


def counted(prefix: str, counts: Mapping[str, int]) -> Metadata:
    """One entry per count that is not zero, under a common prefix."""
    return {f"{prefix}/{name}": number for name, number in sorted(counts.items()) if number}
