"""What the verdict says where little or nothing was measured."""

from dataclasses import replace

import numpy as np
import pytest

from assets.reports import measures as measure
from assets.reports.measures import Canary
from assets.reports.score import Gate, QualityMeasures, Thresholds, Verdict, judge
from resources.errors import UsageError

SOUND = QualityMeasures(
    count=10, dimensions=8, other_dimensions=0, zero=0, not_finite=0, duplicates=0,
    norm_mean=1.0, norm_min=1.0, norm_max=1.0, coverage=1.0, canary=Canary(10, 1.0, 1.0, 0.0),
)  # fmt: skip


def gate(found: Verdict, name: str) -> Gate:
    return next(gate for gate in found.gates if gate.name == name)


def unrelated(count: int, distinct: int) -> measure.TitleToBody:
    random = np.random.default_rng(count)
    titles = random.normal(size=(count, 16)).astype(np.float32)
    found = measure.title_to_body(titles[np.arange(count) % distinct], random.normal(size=(count, 16)).astype("f"))
    assert found is not None
    return found


def test_a_small_sound_set_reaches_the_whole_score() -> None:
    assert judge(SOUND).score == 100
    assert judge(SOUND).passed


def test_an_empty_set_is_no_good_set() -> None:
    found = judge(replace(SOUND, count=0, canary=None))
    assert found.score == 0
    assert found.blocking_failures == ("vectors",)


def test_a_canary_that_was_not_measured_earns_nothing() -> None:
    found = judge(replace(SOUND, canary=None))
    assert found.score == 60
    assert gate(found, "canary_below_099").passed is None
    assert gate(found, "canary_below_099").reason == "not measured: there is no text to embed again"


def test_titles_below_chance_level_fail() -> None:
    found = judge(replace(SOUND, title_to_body=unrelated(200, 200)))
    assert found.blocking_failures == ("title_to_body_mrr",)


@pytest.mark.parametrize(("count", "distinct"), [(20, 20), (49, 49), (200, 3)])
def test_few_different_titles_are_not_judged(count: int, distinct: int) -> None:
    found = gate(judge(replace(SOUND, title_to_body=unrelated(count, distinct))), "title_to_body_mrr")
    assert found.passed is None
    assert found.reason == "not measured: fewer than 50 different titles have a body"


def test_the_floor_rises_with_chance_where_a_tenant_lowers_it() -> None:
    pairs = unrelated(50, 50)
    limits = Thresholds.from_mapping({"title_to_body_mrr": 0})
    floor = gate(judge(replace(SOUND, title_to_body=pairs), limits), "title_to_body_mrr").threshold
    assert floor == pytest.approx(pairs.chance + 4 * pairs.chance_error)


def test_gates_say_which_way_they_compare() -> None:
    assert gate(judge(SOUND), "zero_vectors").comparison == "at_most"
    assert gate(judge(SOUND), "coverage").comparison == "at_least"


@pytest.mark.parametrize("value", ["high", None, float("nan"), float("inf")])
def test_a_threshold_must_be_a_number(value: object) -> None:
    with pytest.raises(UsageError, match="'coverage' must be a number"):
        Thresholds.from_mapping({"coverage": value})
