"""Cutting the work of embedding into shards that know nothing of each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.vectors import repository
from precedent.vectors.embedding import Embedded
from precedent.vectors.repository import PendingText

# A shard is one commit: a kill costs at most one shard's work.
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


def save(
    connection: "psycopg.Connection[Any]", tenant_id: int, space_id: int, hashes: Sequence[bytes], found: Embedded
) -> None:
    """Store what became of a shard's texts, vectors and reasons; the caller commits.

    Args:
        connection: A transaction of the tenant.
        tenant_id: The tenant.
        space_id: The space that the vectors belong to.
        hashes: The content hashes of the texts, in the order in which they were embedded.
        found: What became of each.
    """
    if found.vectors is not None:
        repository.save(connection, tenant_id, space_id, [hashes[place] for place in found.positions], found.vectors)
    by_reason: dict[str, list[bytes]] = {}
    for place, reason in found.failures.items():
        by_reason.setdefault(reason, []).append(hashes[place])
    for reason, failed in by_reason.items():
        repository.save_failure(connection, tenant_id, space_id, failed, reason)
