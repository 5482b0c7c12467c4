"""Embedding planned shards on a few threads, each shard in transactions of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from precedent.database.session import Database
from precedent.vectors import writing
from precedent.vectors.embedding import EmbeddingBatch
from precedent.vectors.shards import Embedded, Shard, embed_shard

# Texts, and the tokens that they were counted to have; None where these texts were not counted together.
Embed = Callable[[Sequence[str], int | None], EmbeddingBatch]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What became of the texts of a shard: how many got a vector, how many did not, and why the last one did not."""

    shard: Shard
    embedded: int
    failed: int
    error: str | None


@dataclass(frozen=True, slots=True)
class ShardRun:
    """Where the texts of shards are read and their vectors written, and what embeds them, on several threads."""

    database: Database
    tenant_id: int
    space_id: int
    embed: Embed

    def all(
        self, shards: Sequence[Shard], finished: Callable[[ShardResult], None], *, workers: int
    ) -> list[ShardResult]:
        """Embed shards on so many threads; `finished` is told of each shard as soon as it is committed."""
        results = []
        with ThreadPoolExecutor(workers, thread_name_prefix="embed") as executor:
            futures = [executor.submit(self.one, shard) for shard in shards]
            try:
                for future in as_completed(futures):
                    results.append(future.result())
                    finished(results[-1])
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise
        return results

    def one(self, shard: Shard) -> ShardResult:
        """Embed one shard and commit it; it may be repeated, and knows nothing of its neighbours."""
        embedded = failed = 0
        error = None
        with self.database.bulk(self.tenant_id) as connection:
            texts = list(writing.read_texts(connection, shard.hashes).items())
            connection.commit()  # no transaction stays open while the model computes
            texts.sort(key=lambda pair: -len(pair[1]))
            for part in embed_shard(texts, lambda found: self._embed(shard, found)):
                if isinstance(part, Embedded):
                    writing.write(connection, self.tenant_id, self.space_id, part.hashes, part.batch.vectors)
                    embedded += len(part.hashes)
                else:
                    writing.record_failure(connection, self.tenant_id, self.space_id, part.hashes, part.error)
                    failed, error = failed + len(part.hashes), part.error
                connection.commit()
        return ShardResult(shard, embedded, failed, error)

    def _embed(self, shard: Shard, texts: Sequence[str]) -> EmbeddingBatch:
        return self.embed(texts, shard.tokens if len(texts) == len(shard.hashes) else None)
