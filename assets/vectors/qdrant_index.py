"""`vectors/qdrant_index`: the same vectors in Qdrant, where the tenant uses it."""

from collections.abc import Sequence

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import OWNERS, Metadata, row_metadata
from precedent.progress import Progress
from precedent.settings import Settings
from precedent.vector_stores import repository as vector_stores
from precedent.vector_stores.mirror import Mirrored, mirror
from precedent.vector_stores.repository import StoreRow
from precedent.vectors import repository as vectors
from resources.platform import DatabaseResource, as_failure


@dg.asset(
    key=["vectors", "qdrant_index"],
    deps=[dg.AssetKey(["vectors", "embeddings"])],
    group_name="vectors",
    kinds={"qdrant", "python"},
    owners=OWNERS,
    code_version="1",
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def qdrant_index(
    context: dg.AssetExecutionContext, config: RefreshConfig, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """The source's vectors in the tenant's Qdrant; nothing happens for a tenant without one.

    Spaces that are being built are mirrored as well as the active one, so that a promotion finds its vectors there.
    Only what is missing or stale is written (a full refresh writes all), and what has gone is removed. PostgreSQL
    stays right whenever the two differ, and search asks Qdrant only for a space that is whole there.
    """
    source = database.source(context.partition_key)
    with as_failure():
        store = vector_stores.active(database.database, source.tenant_id)
        if store is None:
            return dg.MaterializeResult(
                metadata={"qdrant/configured": dg.MetadataValue.bool(False)}, data_version=dg.DataVersion("none")
            )
        settings = Settings.from_environment()
        progress = Progress("qdrant", None, context.log.info)
        found = mirror(database.database, settings, store, source, progress.advance, everything=config.full_refresh)
    for item in found:
        if item.recounted:
            context.log.warning(f"{store.name} had lost or gained points of space {item.space.id} by itself.")
        if not item.ready:
            context.log.warning(f"Search does not ask {store.name} for space {item.space.id}: {item.reason}.")
    active = next((item for item in found if item.space.status == "active"), None)
    digest = ""
    if active is not None:
        with database.database.bulk(source.tenant_id) as connection:
            _, digest = vectors.manifest(connection, source.id, active.space.id)
    number = active.space.id if active else 0
    return dg.MaterializeResult(
        metadata=mirror_metadata(store, found, progress.seconds),
        data_version=dg.DataVersion(f"{store.id}:{number}:{digest}"),
    )


def mirror_metadata(store: StoreRow, found: Sequence[Mirrored], seconds: float) -> Metadata:
    """Counts over all spaces, and where the active one is."""
    added, changed, unchanged = (
        sum(getattr(item.work, name) for item in found) for name in ("added", "changed", "unchanged")
    )
    metadata = row_metadata(
        "vector_store_rows", added + changed + unchanged, added=added, changed=changed, unchanged=unchanged,
        deleted=sum(item.deleted for item in found), seconds=seconds,
    )  # fmt: skip
    metadata |= {
        "qdrant/configured": dg.MetadataValue.bool(True),
        "qdrant/store": dg.MetadataValue.text(store.name),
        "qdrant/isolation": dg.MetadataValue.text(store.isolation),
        "qdrant/spaces": dg.MetadataValue.int(len(found)),
    }
    active = next((item for item in found if item.space.status == "active"), None)
    if active is not None:
        metadata |= {
            "space/id": dg.MetadataValue.int(active.space.id),
            "qdrant/collection": dg.MetadataValue.text(active.collection),
            "qdrant/ready": dg.MetadataValue.bool(active.ready),
            "qdrant/switched": dg.MetadataValue.bool(active.switched),
        }
        if active.reason:
            metadata["qdrant/reason"] = dg.MetadataValue.text(active.reason)
        if active.recall is not None:
            metadata["qdrant/recall"] = dg.MetadataValue.float(round(active.recall, 4))
    return metadata
