"""Cutting the work of embedding into shards that know nothing of each other."""

from collections.abc import Iterable
from dataclasses import dataclass

from precedent.vectors.repository import PendingText

# A local model answers a shard at once, and it is one commit: a kill costs at most one shard's work.
SHARD_ROWS = 2_000
SHARD_TOKENS = 32_768


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
