"""The metadata that every table-backed asset reports under the same keys."""

import base64
from collections.abc import Mapping

import dagster as dg

OWNERS = ["team:data-engineering"]
KINDS = {"postgres", "python"}
Metadata = dict[str, dg.MetadataValue]


def row_metadata(
    table: str,
    total: int,
    *,
    added: int = 0,
    changed: int = 0,
    unchanged: int = 0,
    deleted: int = 0,
    failed: int = 0,
    seconds: float | None = None,
) -> Metadata:
    """Counts of a partition after a run and what the run did to them."""
    found: Metadata = {
        "dagster/table_name": dg.MetadataValue.text(f"precedent.public.{table}"),
        "dagster/partition_row_count": dg.MetadataValue.int(total),
        "rows/added": dg.MetadataValue.int(added),
        "rows/changed": dg.MetadataValue.int(changed),
        "rows/unchanged": dg.MetadataValue.int(unchanged),
        "rows/deleted": dg.MetadataValue.int(deleted),
        "rows/failed": dg.MetadataValue.int(failed),
    }
    if seconds:
        found["rate/rows_per_s"] = dg.MetadataValue.float(round((added + changed) / seconds, 1))
    return found


def picture(name: str, image: bytes, kind: str = "png") -> dg.MetadataValue:
    """A picture within an entry, which the UI shows without asking for a file; `name` stands where it cannot."""
    return dg.MetadataValue.md(f"![{name}](data:image/{kind};base64,{base64.b64encode(image).decode()})")


def counted(prefix: str, counts: Mapping[str, int]) -> Metadata:
    """One integer entry per non-zero count, under a common prefix."""
    return {f"{prefix}/{name}": dg.MetadataValue.int(n) for name, n in sorted(counts.items()) if n}
