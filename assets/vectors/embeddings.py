"""`vectors/embeddings`: one vector per distinct passage and space."""

import dagster as dg

from assets.definition import source_asset
from assets.row_metadata import Metadata, materialized
from assets.spending import spent
from precedent.database import statistics
from precedent.progress import Progress
from precedent.providers.runtime.embedder import Served
from precedent.vectors import index as vector_index
from precedent.vectors import repository as store
from precedent.vectors import space as spaces
from precedent.vectors.shard_run import ShardResult, ShardRun
from precedent.vectors.shards import plan
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.failure import as_failure


@source_asset(
    "vectors/embeddings",
    deps=["text/chunks", "config/embedding_profile"],
    kinds=("postgres", "pgvector", "pytorch"),
    pool="embedding_profile",
)
def embeddings(
    context: dg.AssetExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> dg.MaterializeResult[None]:
    """One vector per distinct passage in the tenant's space; a known passage is never embedded again.

    Work is planned over the whole partition and committed shard by shard. A passage that could not be embedded
    is counted as failed and tried again by the next run; a zero vector is never stored.
    """
    source = database.source(context.partition_key)
    provider = embedder.for_source(context, database.database, source)
    with database.connection(source) as connection:
        space = spaces.ensure(connection, source.tenant_id, provider.profile, provider.primary.provider.described())
        connection.commit()
        returned = store.restore(connection, source.id, space.id)
        pending = store.pending(connection, source.id, space.id)
        vector_index.before_writing(connection, space.id, len(pending))
    planned = plan(pending)
    tokens = sum(shard.tokens for shard in planned)
    progress = Progress("embeddings", tokens, context.log.info)

    def finished(result: ShardResult) -> None:
        progress.advance(result.embedded + result.failed, result.shard.tokens)
        if result.error:
            context.log.warning(f"{result.failed} passages were not embedded: {result.error}")

    with as_failure(lambda: spent(context, database, source)):
        run = ShardRun(database.database, source.tenant_id, space.id, provider.embed_each)
        results = run.all(planned, finished, workers=embedder.workers)
    added = sum(result.embedded for result in results)
    with database.connection(source) as connection:
        orphans = store.remove_orphans(connection, space.id)
        connection.commit()
        statistics.after_load(connection, f"embeddings_{space.id}", added)
        index = vector_index.after_writing(connection, space.id)
        covered = store.coverage(connection, source.id, space.id)
        total, digest = store.manifest(connection, source.id, space.id)
    metadata: Metadata = {
        "provider/name": provider.primary.name,
        "provider/driver": provider.primary.driver.name,
        "provider/model": space.profile.model,
        "provider/revision": provider.primary.provider.fingerprint,
        "space/id": space.id,
        "space/status": space.status,
        "space/precision": space.profile.precision,
        "index/kind": "hnsw" if index.exists else "exact",
        "cache/returned": returned,
        "cache/hit_rate": round(1 - added / total, 4) if total else 1.0,
        "tokens/input": tokens,
        "rate/tokens_per_s": round(tokens / max(progress.seconds, 1e-9), 1),
        "coverage/chunks": covered.share,
    }
    if provider.backend:
        metadata["engine/backend"] = provider.backend
    return materialized(
        "embeddings",
        total,
        f"{space.id}:{digest}",
        added=added,
        unchanged=total - added,
        deleted=orphans,
        failed=sum(result.failed for result in results),
        seconds=progress.seconds,
        metadata=metadata | _served(provider.served()) | spent(context, database, source),
    )


def _served(served: Served) -> Metadata:
    """Who did the work, and why it was another one than was asked."""
    others = sorted(set(served.by) - {served.asked})
    found: Metadata = {
        "egress/masked": served.masked,
        "fallback/used": bool(others and served.reasons),
        "provider/calls": sum(served.by.values()),
    }
    if served.reasons:
        found["fallback/reason"] = "; ".join(f"{name}: {reason}" for name, reason in served.reasons.items())
    if others:
        found["provider/served_by"] = ", ".join(sorted(served.by))
    return found
