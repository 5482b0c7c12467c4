"""Embedding planned shards on a few threads; an answer is committed when it arrives: it may have been paid for."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.database.session import Database
from precedent.vectors import repository
from precedent.vectors.embedding import Arrived, Embedded, EmbeddingBatch
from precedent.vectors.shards import Shard

# Texts, the tokens that they were counted to have (None where these texts were not counted together), and what takes
# the vectors as they come.
EmbedEach = Callable[[Sequence[str], int | None, Arrived], Embedded]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What became of the texts of a shard: how many got a vector, how many did not, and why one of them did not."""

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
    embed_each: EmbedEach

    def all(
        self, planned: Sequence[Shard], finished: Callable[[ShardResult], None], *, workers: int
    ) -> list[ShardResult]:
        """Embed shards on so many threads; `finished` is told of each shard as soon as it is committed."""
        results = []
        with ThreadPoolExecutor(workers, thread_name_prefix="embed") as executor:
            futures = [executor.submit(self.one, shard) for shard in planned]
            try:
                for future in as_completed(futures):
                    results.append(future.result())
                    finished(results[-1])
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise
        return results

    def one(self, shard: Shard) -> ShardResult:
        """Embed one shard, and commit each request's vectors; it may be repeated, and knows nothing of its neighbours.

        A local model answers a shard at once, so that the shard is one commit; a provider answers request by request.

        Raises:
            Exception: what ended the work before its end; what was paid for is committed by then.
        """
        with self.database.bulk(self.tenant_id) as connection:
            texts = sorted(repository.read_texts(connection, shard.hashes).items(), key=lambda pair: -len(pair[1]))
            connection.commit()  # no transaction stays open while the model computes
            tokens = shard.tokens if len(texts) == len(shard.hashes) else None
            hashes = [digest for digest, _ in texts]

            def keep(start: int, batch: EmbeddingBatch) -> None:
                arrived = hashes[start : start + len(batch.vectors)]
                repository.save(connection, self.tenant_id, self.space_id, arrived, batch.vectors)
                connection.commit()

            found = self.embed_each([text for _, text in texts], tokens, keep)
            self._keep_failures(connection, hashes, found)
            connection.commit()
        if found.stopped is not None:
            raise found.stopped
        return ShardResult(shard, len(found.positions), len(found.failures), next(iter(found.failures.values()), None))

    def _keep_failures(self, connection: "psycopg.Connection[Any]", hashes: Sequence[bytes], found: Embedded) -> None:
        by_reason: dict[str, list[bytes]] = {}
        for place, reason in found.failures.items():
            by_reason.setdefault(reason, []).append(hashes[place])
        for reason, failed in by_reason.items():
            repository.save_failure(connection, self.tenant_id, self.space_id, failed, reason)
