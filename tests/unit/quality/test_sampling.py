"""The same rows give the same sample, whatever their order; a report costs a share of the embedding."""

import hashlib

import numpy as np
import pytest

from precedent.quality.sampling import BottomK, sample_plan

HASHES = [hashlib.sha256(str(n).encode()).digest() for n in range(5_000)]
VECTORS = np.arange(5_000, dtype=np.float32)[:, None].repeat(3, axis=1)


def sampled(order: np.ndarray, seed: str = "a", size: int = 64, batch: int = 700) -> BottomK:
    found = BottomK(size, seed)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        found.add([HASHES[row] for row in rows], VECTORS[rows])
    return found


def test_the_order_of_rows_changes_nothing() -> None:
    straight, mixed = sampled(np.arange(5_000)), sampled(np.random.default_rng(1).permutation(5_000), batch=33)
    assert straight.hashes == mixed.hashes
    assert np.array_equal(straight.vectors, mixed.vectors)


def test_vectors_stay_with_their_hashes() -> None:
    found = sampled(np.arange(5_000))
    assert [HASHES[int(row[0])] for row in found.vectors] == found.hashes


def test_another_seed_is_another_sample() -> None:
    common = set(sampled(np.arange(5_000)).hashes) & set(sampled(np.arange(5_000), "b").hashes)
    assert len(common) < 8


def test_a_row_more_changes_at_most_one() -> None:
    before, after = sampled(np.arange(4_999)), sampled(np.arange(5_000))
    assert len(set(after.hashes) - set(before.hashes)) <= 1


def test_every_row_is_as_likely_as_any_other() -> None:
    chosen = np.concatenate([sampled(np.arange(5_000), str(seed)).vectors[:, 0] for seed in range(200)])
    counts, _ = np.histogram(chosen, bins=10, range=(0, 5_000))
    # 12,800 draws in ten bins: 1,280 each, with a deviation of 34.
    assert np.abs(counts - 1_280).max() < 5 * 34


def test_fewer_rows_than_asked_are_all_taken() -> None:
    assert len(sampled(np.arange(10)).hashes) == 10
    assert BottomK(5, "a").vectors.shape == (0, 0)


def test_rows_of_another_dimension_are_left_out() -> None:
    found = BottomK(5, "a")
    found.add(HASHES[:2], VECTORS[:2])
    found.add(HASHES[2:4], np.ones((2, 7), np.float32))
    assert found.vectors.shape == (2, 3)


@pytest.mark.parametrize("texts", [5_000, 10_000, 100_000])
def test_what_is_embedded_again_stays_a_small_share(texts: int) -> None:
    plan = sample_plan(texts)
    # A title is a tenth of a passage.
    assert plan.canaries + plan.bodies + plan.titles / 10 <= 0.025 * texts


def test_a_small_source_is_looked_at_enough_to_be_judged() -> None:
    plan = sample_plan(100)
    assert plan.canaries == 64
    assert plan.bodies >= 20
    assert plan.titles >= 50
