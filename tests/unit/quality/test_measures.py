"""Measures against values known beforehand, and on next to nothing."""

import numpy as np
import pytest

from precedent.quality import measures as measure


def normal(*shape: int) -> measure.Vectors:
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


def test_duplicates_are_found_across_batches() -> None:
    rows, vectors = measure.RowMeasures(8), normal(6, 8)
    rows.add(vectors[:4])
    rows.add(np.concatenate([vectors[:2], vectors[4:]]))
    assert (rows.count, rows.duplicates) == (8, 2)


def test_a_zero_of_either_sign_is_the_same_vector() -> None:
    rows = measure.RowMeasures(2)
    rows.add(np.array([[1, 0.0], [1, -0.0]], np.float32))
    assert rows.duplicates == 1


def test_no_rows() -> None:
    rows = measure.RowMeasures(8)
    rows.add(np.empty((0, 0), np.float32))
    assert (rows.count, rows.duplicates, len(rows.all_norms())) == (0, 0, 0)


def test_shape_of_an_orthogonal_set() -> None:
    found = measure.shape(np.concatenate([np.eye(8), -np.eye(8)]).astype(np.float32))
    assert found is not None
    assert found.mean_cosine == pytest.approx(-1 / 15, abs=1e-5)
    assert found.effective_rank == pytest.approx(8, rel=1e-4)
    assert found.participation_ratio == pytest.approx(8, rel=1e-4)
    assert found.top_variance_share == pytest.approx(1 / 8, rel=1e-4)


def test_chance_is_what_random_vectors_reach() -> None:
    draws = np.random.default_rng(8)
    found = [
        measure.title_to_body(draws.normal(size=(50, 16)).astype("f"), draws.normal(size=(50, 16)).astype("f"))
        for _ in range(300)
    ]
    reached = [pair.mrr for pair in found if pair]
    first = found[0]
    assert first is not None
    assert np.mean(reached) == pytest.approx(first.chance, abs=4 * first.chance_error / np.sqrt(300))
    assert np.std(reached) == pytest.approx(first.chance_error, rel=0.2)


def test_every_title_finds_its_own_body() -> None:
    vectors = normal(30, 16)
    found = measure.title_to_body(vectors, vectors)
    assert found is not None
    assert (found.pairs, found.mrr, found.distinct_titles) == (30, 1.0, 30)


def test_sides_that_do_not_fit_are_not_compared() -> None:
    assert measure.title_to_body(normal(30, 16), normal(30, 8)) is None
    assert measure.title_to_body(normal(30, 16), normal(20, 16)) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing(count: int) -> None:
    vectors = normal(count, 8)
    assert measure.shape(vectors) is None
    assert measure.projection(vectors).shape == (count, 2)
    assert len(measure.nearest_cosines(vectors)) == (count if count > 1 else 0)
    assert (measure.canary(vectors, vectors) is None) == (count == 0)
