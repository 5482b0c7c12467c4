"""`raw/*`: what a source holds, as it came."""

from collections.abc import Iterator

import dagster as dg

from assets.definition import source_spec
from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import Metadata, counted, materialized
from precedent.sources.records import RawKind
from precedent.sources.sync import raw_items
from precedent.sources.sync.service import Reading, read_source
from precedent.sources.sync.state import State
from resources.database import DatabaseResource
from resources.failure import as_failure

DESCRIPTIONS = {
    RawKind.ISSUE: "Issues as their tracker returned them.",
    RawKind.PULL_REQUEST: "Pull requests as their forge returned them.",
    RawKind.COMMIT: "Commits with message and changed files.",
    RawKind.COMMENT: "Comments and reviews on issues and pull requests.",
    RawKind.INCIDENT: "Incidents with their updates.",
    RawKind.RELEASE: "Releases with their notes.",
    RawKind.DEPLOYMENT: "Deployments with their statuses.",
}
KEYS = {kind: dg.AssetKey(["raw", kind.plural]) for kind in RawKind}


@dg.multi_asset(
    name="raw_records",
    specs=[
        source_spec(
            key.to_user_string(),
            kinds=("postgres", "json"),
            code_version="1",
            description=f"{DESCRIPTIONS[kind]} Keyed by source and external id; gone items leave a tombstone.",
        )
        for kind, key in KEYS.items()
    ],
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
    can_subset=True,
)
def raw_records(
    context: dg.AssetExecutionContext, config: RefreshConfig, database: DatabaseResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Store what is new, changed or gone in a source.

    Files are read once, all kinds in one transaction. A live source is asked for what is new, page by page, each page
    with its cursor in a transaction of its own; if it refuses or limits, what was fetched is kept, and its state, its
    metadata and the check `source_readable` say so.
    """
    source = database.source(context.partition_key)
    kinds = frozenset(kind for kind, key in KEYS.items() if key in context.selected_asset_keys)
    with as_failure():
        reading = read_source(database.database, source, config.sync_options(), kinds, context.log)
    with database.connection(source) as connection:
        manifests = raw_items.manifests(connection, source.id)
    counts = reading.counts
    for kind in sorted(kinds):
        total, digest = manifests.get(kind, (0, "empty"))
        # A live source sends only what may have changed: the rest was not looked at, and stays.
        rest = max(0, total - counts.added[kind] - counts.changed[kind])
        yield materialized(
            "raw_items",
            total,
            digest,
            added=counts.added[kind],
            changed=counts.changed[kind],
            unchanged=rest if reading.live or reading.skipped else counts.unchanged[kind],
            deleted=counts.deleted[kind],
            key=KEYS[kind],
            metadata=_metadata(reading),
        )


def _metadata(reading: Reading) -> Metadata:
    counts = reading.counts
    found: Metadata = {
        "source/unchanged": reading.skipped,
        "source/state": reading.state.value,
        "rows/rejected": counts.rejected,
        "rows/duplicate_ids": counts.duplicates,
        "rows/deletions_held_back": counts.deletions_held_back,
    }
    if reading.state is not State.OK:
        found["source/reason"] = reading.reason or ""
    if reading.wait_until is not None:
        found["source/wait_until"] = dg.MetadataValue.timestamp(reading.wait_until)
    if reading.live:
        found |= {"source/requests": reading.requests, "source/pages": reading.pages}
    return found | counted("cleaned", counts.notes)
