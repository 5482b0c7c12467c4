"""`vectors/qdrant_index`: the same vectors in Qdrant, where the tenant uses it."""

from collections.abc import Sequence

import dagster as dg

from assets.definition import source_asset
from assets.refresh_config import RefreshConfig
from assets.row_metadata import Metadata, materialized
from precedent.progress import Progress
from precedent.vector_stores import repository as vector_stores
from precedent.vector_stores.mirror import Mirrored, mirror
from precedent.vector_stores.repository import StoreRow
from precedent.vectors import repository as vectors
from resources.database import DatabaseResource
from resources.failure import as_failure


@source_asset("vectors/qdrant_index", deps=["vectors/embeddings"], kinds=("qdrant", "python"))
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
            return dg.MaterializeResult(metadata={"qdrant/configured": False}, data_version=dg.DataVersion("none"))
        progress = Progress("qdrant", None, context.log.info)
        settings = database.platform.settings
        found = mirror(database.database, settings, store, source, progress.advance, everything=config.full_refresh)
    for item in found:
        if item.recounted:
            context.log.warning(f"{store.name} had lost or gained points of space {item.space.id} by itself.")
        if not item.ready:
            context.log.warning(f"Search does not ask {store.name} for space {item.space.id}: {item.reason}.")
    active = next((item for item in found if item.space.status == "active"), None)
    number, digest = 0, ""
    if active is not None:
        number = active.space.id
        with database.connection(source) as connection:
            _, digest = vectors.manifest(connection, source.id, number)
    added, changed, unchanged = (
        sum(getattr(item.work, name) for item in found) for name in ("added", "changed", "unchanged")
    )
    return materialized(
        "vector_store_rows",
        added + changed + unchanged,
        f"{store.id}:{number}:{digest}",
        added=added,
        changed=changed,
        unchanged=unchanged,
        deleted=sum(item.deleted for item in found),
        seconds=progress.seconds,
        metadata=_metadata(store, found, active),
    )


def _metadata(store: StoreRow, found: Sequence[Mirrored], active: Mirrored | None) -> Metadata:
    metadata: Metadata = {
        "qdrant/configured": True,
        "qdrant/store": store.name,
        "qdrant/isolation": store.isolation.value,
        "qdrant/spaces": len(found),
    }
    if active is not None:
        metadata |= {
            "space/id": active.space.id,
            "qdrant/collection": active.collection,
            "qdrant/ready": active.ready,
            "qdrant/switched": active.switched,
        }
        if active.reason:
            metadata["qdrant/reason"] = active.reason
        if active.recall is not None:
            metadata["qdrant/recall"] = round(active.recall, 4)
    return metadata
