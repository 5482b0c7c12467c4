"""`raw/*`: what a source holds, as it came."""

from collections.abc import Iterator

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import OWNERS, counted, row_metadata
from precedent.sources.records import RawKind
from precedent.sources.sync import raw_items as store
from precedent.sources.sync.service import read_source
from precedent.sources.sync.state import State
from resources.platform import DatabaseResource, as_failure

DESCRIPTIONS = {
    RawKind.ISSUE: "Issues as their tracker returned them.",
    RawKind.PULL_REQUEST: "Pull requests as their forge returned them.",
    RawKind.COMMIT: "Commits with message and changed files.",
    RawKind.COMMENT: "Comments and reviews on issues and pull requests.",
    RawKind.INCIDENT: "Incidents with their updates.",
    RawKind.RELEASE: "Releases with their notes.",
    RawKind.DEPLOYMENT: "Deployments with their statuses.",
}
NAMES = {
    RawKind.ISSUE: "issues",
    RawKind.PULL_REQUEST: "pull_requests",
    RawKind.COMMIT: "commits",
    RawKind.COMMENT: "comments",
    RawKind.INCIDENT: "incidents",
    RawKind.RELEASE: "releases",
    RawKind.DEPLOYMENT: "deployments",
}
KEYS = {kind: dg.AssetKey(["raw", name]) for kind, name in NAMES.items()}


@dg.multi_asset(
    name="raw_records",
    specs=[
        dg.AssetSpec(
            key,
            group_name="raw",
            description=f"{DESCRIPTIONS[kind]} Keyed by source and external id; gone items keep a tombstone.",
            kinds={"postgres", "json"},
            owners=OWNERS,
            code_version="1",
            skippable=True,
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
    with its cursor in a transaction of its own; one that refuses or limits keeps what was fetched and says so in
    its state, its metadata and the check `source_readable`.
    """
    source = database.source(context.partition_key)
    kinds = frozenset(kind for kind, key in KEYS.items() if key in context.selected_asset_keys)
    with as_failure():
        reading = read_source(database.database, source, config.sync_options(), kinds, context.log)
    with database.database.bulk(source.tenant_id) as connection:
        manifests = store.manifests(connection, source.id)
    counts = reading.counts
    for kind in sorted(kinds):
        total, digest = manifests.get(kind, (0, "empty"))
        metadata = row_metadata(
            "raw_items",
            total,
            added=counts.added[kind],
            changed=counts.changed[kind],
            # A live source sends only what may have changed: the rest has not been looked at, and stays.
            unchanged=max(0, total - counts.added[kind] - counts.changed[kind])
            if reading.live or reading.skipped
            else counts.unchanged[kind],
            deleted=counts.deleted[kind],
        )
        metadata["source/unchanged"] = dg.MetadataValue.bool(reading.skipped)
        metadata["source/state"] = dg.MetadataValue.text(reading.state.value)
        metadata["rows/rejected"] = dg.MetadataValue.int(counts.rejected)
        metadata["rows/duplicate_ids"] = dg.MetadataValue.int(counts.duplicates)
        metadata["rows/deletions_held_back"] = dg.MetadataValue.bool(counts.deletions_held_back)
        if reading.state is not State.OK:
            metadata["source/reason"] = dg.MetadataValue.text(reading.reason or "")
        if reading.wait_until is not None:
            metadata["source/wait_until"] = dg.MetadataValue.timestamp(reading.wait_until)
        if reading.live:
            metadata["source/requests"] = dg.MetadataValue.int(reading.requests)
            metadata["source/pages"] = dg.MetadataValue.int(reading.pages)
        metadata |= counted("cleaned", counts.notes)
        yield dg.MaterializeResult(KEYS[kind], metadata=metadata, data_version=dg.DataVersion(digest))
