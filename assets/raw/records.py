"""`raw/*`: what a source holds, as it came."""

from collections.abc import Iterator

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import OWNERS, counted, row_metadata
from resources.catalog import SourceRow
from resources.platform import DatabaseResource, as_failure
from resources.progress import Progress
from resources.sources.records import RawKind, Source
from resources.sources.registry import source_from_configuration
from resources.stores import raw as store
from resources.stores.raw import SyncCounts

DESCRIPTIONS = {
    RawKind.ISSUE: "Issues as their tracker returned them.",
    RawKind.PULL_REQUEST: "Pull requests as their forge returned them.",
    RawKind.COMMIT: "Commits with message and changed files.",
    RawKind.COMMENT: "Comments and reviews on issues and pull requests.",
    RawKind.INCIDENT: "Incidents with their updates.",
}
NAMES = {
    RawKind.ISSUE: "issues",
    RawKind.PULL_REQUEST: "pull_requests",
    RawKind.COMMIT: "commits",
    RawKind.COMMENT: "comments",
    RawKind.INCIDENT: "incidents",
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
    """Read a source once and store what is new, changed or gone, all kinds in one transaction."""
    source = database.source(context.partition_key)
    kinds = frozenset(kind for kind, key in KEYS.items() if key in context.selected_asset_keys)
    with as_failure():
        reader = source_from_configuration(source.kind, source.configuration)
        counts, skipped = _sync(context, config, database, source, reader, kinds)
    with database.database.bulk(source.tenant_id) as connection:
        manifests = store.manifests(connection, source.id)
    for kind in sorted(kinds):
        total, digest = manifests.get(kind, (0, "empty"))
        metadata = row_metadata(
            "raw_items",
            total,
            added=counts.added[kind],
            changed=counts.changed[kind],
            unchanged=total if skipped else counts.unchanged[kind],
            deleted=counts.deleted[kind],
        )
        metadata["source/unchanged"] = dg.MetadataValue.bool(skipped)
        metadata["rows/rejected"] = dg.MetadataValue.int(counts.rejected)
        metadata["rows/duplicate_ids"] = dg.MetadataValue.int(counts.duplicates)
        metadata["rows/deletions_held_back"] = dg.MetadataValue.bool(counts.deletions_held_back)
        metadata |= counted("cleaned", counts.notes)
        yield dg.MaterializeResult(KEYS[kind], metadata=metadata, data_version=dg.DataVersion(digest))


def _sync(
    context: dg.AssetExecutionContext,
    config: RefreshConfig,
    database: DatabaseResource,
    source: SourceRow,
    reader: Source,
    kinds: frozenset[RawKind],
) -> tuple[SyncCounts, bool]:
    bounds = config.bounds()
    whole = kinds == frozenset(RawKind) and not bounds
    fingerprint = reader.fingerprint()
    progress = Progress("raw", reader.estimate(), context.log.info)
    with database.database.bulk(source.tenant_id, alone_on=source.id) as connection:
        if not config.full_refresh and store.known_fingerprint(connection, source.id) == fingerprint:
            context.log.info(f"{source.key} holds what it held at the last refresh: nothing was read.")
            (rejected,) = connection.execute(
                "SELECT count(*) FROM rejected_records WHERE source_id = %s", (source.id,)
            ).fetchone() or (0,)
            store.save_state(connection, source.tenant_id, source.id, fingerprint, {})
            return SyncCounts(rejected=rejected), True
        counts = store.sync(
            connection, source.tenant_id, source.id, reader.read(), kinds=kinds, bounds=bounds,
            full_refresh=config.full_refresh, progress=lambda n: progress.advance(n - progress.rows),
        )  # fmt: skip
        store.save_state(connection, source.tenant_id, source.id, fingerprint if whole else None, {})
    context.log.info(progress.line())
    if counts.deletions_held_back:
        context.log.warning(
            "Items missing from this pass were not removed: it was bounded in time or had unreadable records."
        )
    return counts, False
