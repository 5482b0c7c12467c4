import numpy as np
import pytest

from precedent.search.query_vectors import QueryVectorCache


def test_spaces_and_texts_are_kept_apart() -> None:
    cache = QueryVectorCache()
    cache.save(1, "pool", np.ones((1, 4), np.float32))
    assert cache.get(2, "pool") is None
    assert cache.get(1, "Pool") is None
    assert np.array_equal(cache.get(1, "pool"), np.ones((1, 4)))


def test_the_one_not_asked_for_longest_makes_room() -> None:
    cache = QueryVectorCache(2)
    for text in ("a", "b"):
        cache.save(1, text, np.ones((1, 4), np.float32))
    cache.get(1, "a")
    cache.save(1, "c", np.ones((1, 4), np.float32))
    assert len(cache) == 2
    assert cache.get(1, "b") is None
    assert cache.get(1, "a") is not None


def test_what_is_kept_cannot_be_changed() -> None:
    cache, vectors = QueryVectorCache(), np.ones((1, 4), np.float32)
    cache.save(1, "a", vectors)
    vectors[0, 0] = 5
    kept = cache.get(1, "a")
    assert kept is not None
    assert kept[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        kept[0, 0] = 5
