"""The test of drift keeps its level, finds what differs, and says nothing about next to nothing."""

import numpy as np
import pytest

from precedent.quality.measures import Vectors
from precedent.quality.measures.drift import FEWEST, drift

DRAWS = np.random.default_rng(11)


def normal(count: int, middle: float = 0.0, dimensions: int = 24) -> Vectors:
    return DRAWS.normal(middle, 1, size=(count, dimensions)).astype(np.float32)


def test_samples_of_one_distribution_rarely_differ() -> None:
    found = [drift(normal(40), normal(60), seed) for seed in range(120)]
    values = [item for item in found if item]
    # At a level of .05, 6 of 120 on average; more than 15 has a probability below .001.
    assert sum(item.p_value <= 0.05 for item in values) <= 15
    assert abs(float(np.mean([item.mmd2 for item in values]))) < 0.003


def test_the_estimate_is_that_of_the_definition() -> None:
    new, kept = normal(FEWEST), normal(FEWEST + 5, 0.5)
    unit = np.concatenate([new, kept])
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    squares = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
    kernel = np.exp(-squares / (2 * np.median(squares[np.triu_indices(len(unit), 1)])))
    m, n = len(new), len(kept)
    within = sum(kernel[i, j] for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    other = sum(kernel[i, j] for i in range(m, m + n) for j in range(m, m + n) if i != j) / (n * (n - 1))
    found = drift(new, kept)
    assert found is not None
    assert found.mmd2 == pytest.approx(within + other - 2 * kernel[:m, m:].mean(), abs=1e-6)


def test_another_place_is_found() -> None:
    found = drift(normal(40, 0.4), normal(60))
    assert found is not None
    assert found.significant
    assert found.mmd2 > found.null_95


@pytest.mark.parametrize(("new", "kept"), [(FEWEST - 1, 100), (100, FEWEST - 1), (0, 0)])
def test_too_few_are_not_judged(new: int, kept: int) -> None:
    assert drift(normal(new), normal(kept)) is None


def test_another_dimension_is_not_compared() -> None:
    assert drift(normal(40), normal(40, dimensions=12)) is None


def test_equal_vectors_are_no_drift() -> None:
    found = drift(np.ones((30, 8), np.float32), np.ones((30, 8), np.float32))
    assert found is not None
    assert not found.significant
