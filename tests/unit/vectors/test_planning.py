from itertools import pairwise

import numpy as np
import pytest

from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError, checked
from precedent.vectors.repository import PendingText, binary_rows
from precedent.vectors.shards import SHARD_ROWS, SHARD_TOKENS, plan


def pending(*tokens: int) -> list[PendingText]:
    return [PendingText(str(n).encode(), count) for n, count in enumerate(tokens)]


def test_no_shard_exceeds_its_budgets_and_none_is_lost() -> None:
    rng = np.random.default_rng(7)
    texts = pending(*rng.integers(3, 257, 9_000).tolist())
    shards = plan(texts)
    assert all(len(shard.hashes) <= SHARD_ROWS for shard in shards)
    assert all(shard.tokens <= SHARD_TOKENS for shard in shards)
    assert sorted(digest for shard in shards for digest in shard.hashes) == sorted(t.content_hash for t in texts)


def test_texts_of_like_length_share_a_shard_across_the_partition() -> None:
    rng = np.random.default_rng(7)
    texts = pending(*rng.integers(3, 257, 9_000).tolist())
    length = {text.content_hash: text.tokens for text in texts}
    spans = [[length[digest] for digest in shard.hashes] for shard in plan(texts)]
    assert all(min(before) >= max(after) for before, after in pairwise(spans))


def test_a_text_longer_than_the_budget_gets_a_shard_of_its_own() -> None:
    assert [len(shard.hashes) for shard in plan(pending(SHARD_TOKENS * 2, 5, 5))] == [1, 2]


@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 4)), np.ones((2, 3)), np.zeros((2, 4)), np.full((2, 4), np.nan), np.full((2, 4), np.inf)],
)
def test_an_unusable_answer_is_refused(vectors: np.ndarray) -> None:
    with pytest.raises(EmbeddingError):
        checked(EmbeddingBatch(vectors.astype(np.float32), 0), texts=2, dimensions=4)


def test_binary_rows_hold_halves_in_network_order() -> None:
    rows = binary_rows([b"ab"], np.array([[1.0, -2.0]], np.float32))
    assert rows == (
        b"PGCOPY\n\xff\r\n\0"
        + b"\0" * 8
        + b"\0\x02"
        + b"\0\0\0\x02ab"
        + b"\0\0\0\x08"
        + b"\0\x02\0\0"
        + b"\x3c\x00\xc0\x00"
        + b"\xff\xff"
    )
