"""`vectors/embeddings`: one vector per distinct passage and space."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.row_metadata import OWNERS, row_metadata
from precedent.database import statistics
from precedent.database.session import Database
from precedent.progress import Progress
from precedent.providers.runtime.embedder import Embedder, Served
from precedent.sources.repository import SourceRow
from precedent.vectors import index as vector_index
from precedent.vectors import repository as store
from precedent.vectors import shards
from precedent.vectors import space as spaces
from precedent.vectors.shards import Shard, plan
from precedent.vectors.space import Space
from resources.platform import DatabaseResource, EmbedderResource, as_failure

# One thread computes while another reads texts or commits vectors.
WORKERS = 2


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What became of a shard's texts."""

    shard: Shard
    embedded: int
    failed: int
    error: str | None


@dg.asset(
    key=["vectors", "embeddings"],
    deps=[dg.AssetKey(["text", "chunks"]), dg.AssetKey(["config", "embedding_profile"])],
    pool="embedding_profile",
    group_name="vectors",
    kinds={"postgres", "pgvector", "pytorch"},
    owners=OWNERS,
    code_version="1",
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def embeddings(
    context: dg.AssetExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> dg.MaterializeResult[None]:
    """One vector per distinct passage in the tenant's space; a known passage is never embedded again.

    Work is planned over the whole partition and committed shard by shard. A passage that could not be embedded
    is counted as failed and tried again by the next run; a zero vector is never stored.
    """
    source = database.source(context.partition_key)
    provider = embedder.of(context, database.database, source)
    with database.database.bulk(source.tenant_id) as connection:
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

    with as_failure():
        results = run_shards(database.database, source, space, provider, planned, finished)
    with database.database.bulk(source.tenant_id) as connection:
        orphans = store.remove_orphans(connection, space.id)
        connection.commit()
        statistics.after_load(connection, f"embeddings_{space.id}", sum(result.embedded for result in results))
        index = vector_index.after_writing(connection, space.id)
        covered = store.coverage(connection, source.id, space.id)
        total, digest = store.manifest(connection, source.id, space.id)
    added = sum(result.embedded for result in results)
    metadata = row_metadata(
        "embeddings", total, added=added, unchanged=total - added, deleted=orphans,
        failed=sum(result.failed for result in results), seconds=progress.seconds,
    )  # fmt: skip
    profile = space.profile
    metadata |= {
        "provider/name": dg.MetadataValue.text(provider.primary.name),
        "provider/driver": dg.MetadataValue.text(provider.primary.driver.name),
        "provider/model": dg.MetadataValue.text(profile.model),
        "provider/revision": dg.MetadataValue.text(provider.primary.provider.fingerprint),
        "space/id": dg.MetadataValue.int(space.id),
        "space/status": dg.MetadataValue.text(space.status),
        "space/precision": dg.MetadataValue.text(profile.precision),
        "index/kind": dg.MetadataValue.text("hnsw" if index.exists else "exact"),
        "cache/returned": dg.MetadataValue.int(returned),
        "tokens/input": dg.MetadataValue.int(tokens),
        "rate/tokens_per_s": dg.MetadataValue.float(round(tokens / max(progress.seconds, 1e-9), 1)),
        "cache/hit_rate": dg.MetadataValue.float(round(1 - added / total, 4) if total else 1.0),
        "coverage/chunks": dg.MetadataValue.float(covered.share),
    }
    if provider.backend:
        metadata["engine/backend"] = dg.MetadataValue.text(provider.backend)
    metadata |= served_metadata(provider.served())
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(f"{space.id}:{digest}"))


def served_metadata(served: Served) -> dict[str, dg.MetadataValue]:
    """Who did the work, what it cost, and why it was another one than was asked."""
    others = sorted(set(served.by) - {served.asked})
    found: dict[str, dg.MetadataValue] = {
        "egress/masked": dg.MetadataValue.int(served.masked),
        "fallback/used": dg.MetadataValue.bool(bool(others and served.reasons)),
        "provider/calls": dg.MetadataValue.int(sum(served.by.values())),
    }
    if served.cost is not None:
        found["cost/usd"] = dg.MetadataValue.float(float(served.cost))
    else:
        found["cost/unpriced"] = dg.MetadataValue.bool(True)
    if served.reasons:
        found["fallback/reason"] = dg.MetadataValue.text("; ".join(f"{k}: {v}" for k, v in served.reasons.items()))
    if others:
        found["provider/served_by"] = dg.MetadataValue.text(", ".join(sorted(served.by)))
    return found


def run_shards(
    database: Database,
    source: SourceRow,
    space: Space,
    provider: Embedder,
    planned: list[Shard],
    finished: Callable[[ShardResult], None],
) -> list[ShardResult]:
    """Embed shards on a few threads, each in transactions of its own; tells `finished` of every one."""
    results = []
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="embed") as executor:
        futures: list[Future[ShardResult]] = [
            executor.submit(run_shard, database, source, space, provider, shard) for shard in planned
        ]
        try:
            for future in as_completed(futures):
                results.append(future.result())
                finished(results[-1])
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def run_shard(database: Database, source: SourceRow, space: Space, provider: Embedder, shard: Shard) -> ShardResult:
    """Embed one shard and commit it; idempotent, and ignorant of its neighbours."""
    with database.bulk(source.tenant_id) as connection:
        texts = sorted(store.read_texts(connection, shard.hashes).items(), key=lambda pair: -len(pair[1]))
        connection.commit()  # no transaction stays open while the model computes
        tokens = shard.tokens if len(texts) == len(shard.hashes) else None
        found = provider.embed_each([text for _, text in texts], tokens)
        shards.save(connection, source.tenant_id, space.id, [digest for digest, _ in texts], found)
        connection.commit()
    return ShardResult(shard, len(found.positions), len(found.failures), next(iter(found.failures.values()), None))
