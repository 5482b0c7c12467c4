"""Cutting the work of embedding into shards that know nothing of each other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError
from precedent.vectors.repository import PendingText

# A shard is one commit: a kill costs at most one shard's work.
SHARD_ROWS = 2_000
SHARD_TOKENS = 32_768
# A provider that fails this often in a row without one success is down; the rest is left for the next run.
GIVE_UP_AFTER = 6


@dataclass(frozen=True, slots=True)
class Shard:
    """Texts that are embedded and committed together."""

    hashes: tuple[bytes, ...]
    tokens: int


def plan(texts: Iterable[PendingText]) -> list[Shard]:
    """Shards over the whole partition, longest texts first, each within the budget of rows and tokens.

    Sorting the partition, not each batch, keeps texts of like length together, which spares the padding.
    """
    shards: list[Shard] = []
    hashes: list[bytes] = []
    tokens = 0
    for item in sorted(texts, key=lambda text: (-text.tokens, text.content_hash)):
        if hashes and (len(hashes) >= SHARD_ROWS or tokens + item.tokens > SHARD_TOKENS):
            shards.append(Shard(tuple(hashes), tokens))
            hashes, tokens = [], 0
        hashes.append(item.content_hash)
        tokens += item.tokens
    if hashes:
        shards.append(Shard(tuple(hashes), tokens))
    return shards


@dataclass(frozen=True, slots=True)
class Embedded:
    """Texts that got their vectors."""

    hashes: tuple[bytes, ...]
    batch: EmbeddingBatch


@dataclass(frozen=True, slots=True)
class Failed:
    """Texts that did not, and why."""

    hashes: tuple[bytes, ...]
    error: str


def embed_shard(
    items: Sequence[tuple[bytes, str]], embed: Callable[[Sequence[str]], EmbeddingBatch]
) -> Iterator[Embedded | Failed]:
    """Embed (hash, text) pairs; what fails is halved until the texts at fault are alone.

    One bad text so costs itself and not its neighbours. When the provider is down, or fails again and again without
    one success, everything left is given back as failed: it has tried often enough by itself.
    """
    waiting = [list(items)] if items else []
    failures = 0
    succeeded = False
    while waiting:
        part = waiting.pop()
        hashes = tuple(digest for digest, _ in part)
        texts = [text for _, text in part]
        try:
            batch = embed(texts)
        except EmbeddingError as error:
            failures += 1
            hopeless = not error.texts_at_fault or (not succeeded and failures >= GIVE_UP_AFTER)
            if len(part) == 1 or hopeless:
                yield Failed(hashes, str(error))
                if hopeless:
                    for rest in waiting:
                        yield Failed(tuple(digest for digest, _ in rest), str(error))
                    return
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
        else:
            succeeded = True
            yield Embedded(hashes, batch)
