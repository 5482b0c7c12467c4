"""Checks of what was read of a source."""

from collections.abc import Iterator

import dagster as dg

from assets.checks.definition import source_checks
from assets.row_metadata import Metadata
from precedent.sources.sync import rejections
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.state import State
from resources.database import DatabaseResource


@dg.multi_asset_check(
    name="source_was_read",
    specs=source_checks(
        "raw/issues",
        {
            "nothing_rejected": "Every record of the source could be read; the others stand in `rejected_records`, "
            "each with its reason.",
            "source_readable": "The last sync reached the end of every stream; what it fetched before a fault is kept "
            "either way. A source that waits goes on by itself (a warning); one that needs attention does not (an "
            "error).",
        },
    ),
)
def source_was_read(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource
) -> Iterator[dg.AssetCheckResult]:
    """The source was read to its end, and every record of it could be read."""
    source = database.source(context.partition_key)
    with database.connection(source) as connection:
        rejected = rejections.by_reason(connection, source.id)
        found = sync_state.load(connection, source.id)
    yield dg.AssetCheckResult(
        check_name="nothing_rejected",
        passed=not rejected,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{sum(rejected.values()):,} records could not be read." if rejected else "All were read.",
        metadata={f"rejected/{reason}": number for reason, number in rejected.items()},
    )
    waits = found.state is State.WAITING
    metadata: Metadata = {"state": found.state.value, "failures_in_a_row": found.failures}
    if found.code:
        metadata["code"] = found.code
    if found.wait_until:
        metadata["next_attempt"] = dg.MetadataValue.timestamp(found.wait_until)
    metadata |= {f"stream/{name}": stream.reason for name, stream in found.streams.items() if stream.reason}
    yield dg.AssetCheckResult(
        check_name="source_readable",
        passed=found.state is State.OK,
        severity=dg.AssetCheckSeverity.WARN if waits else dg.AssetCheckSeverity.ERROR,
        description=found.reason or "Everything was read.",
        metadata=metadata,
    )
