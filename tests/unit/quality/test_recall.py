"""Recall counts by distance, and says by what size of space."""

import numpy as np
import pytest

from precedent.quality.measures.recall import band, exact_search, recall

TRUE = np.arange(1, 11, dtype=np.float64) / 100


def test_all_found_is_one() -> None:
    found = recall([TRUE, TRUE], [TRUE, TRUE], 20_000)
    assert (found.recall, found.worst, found.queries, found.band) == (1.0, 1.0, 2, "10,000 to 100,000")


def test_a_missing_neighbour_counts_once() -> None:
    missed = np.sort(np.append(TRUE[1:], 0.2))
    assert recall([missed, TRUE], [TRUE, TRUE], 10).recall == pytest.approx(0.95)
    assert recall([missed, TRUE], [TRUE, TRUE], 10).worst == pytest.approx(0.9)


def test_another_row_at_the_same_distance_is_as_good() -> None:
    ties = np.array([0.1] * 12)
    assert recall([ties[:10]], [ties[:10]], 12).recall == 1.0


def test_an_index_that_returns_too_few_is_caught() -> None:
    assert recall([TRUE[:4]], [TRUE], 100).recall == pytest.approx(0.4)


def test_a_space_smaller_than_ten_has_no_more_to_find() -> None:
    assert recall([TRUE[:3]], [TRUE[:3]], 3).recall == 1.0


def test_exact_search_is_right_by_construction() -> None:
    found = exact_search(400)
    assert (found.indexed, found.recall, found.queries, found.band) == (False, 1.0, 0, "under 1,000")


@pytest.mark.parametrize(
    ("rows", "name"),
    [(999, "under 1,000"), (1_000, "1,000 to 10,000"), (99_999, "10,000 to 100,000"), (100_000, "over 100,000")],
)
def test_bands(rows: int, name: str) -> None:
    assert band(rows) == name
