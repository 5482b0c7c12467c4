"""What the verdict says where little or nothing was measured."""

import json
from dataclasses import replace

import numpy as np
import pytest

from precedent.quality import measures as measure
from precedent.quality.gates import RULES, Gate
from precedent.quality.measures import Canary
from precedent.quality.measures.drift import Drift
from precedent.quality.measures.recall import Recall, recall
from precedent.quality.measures.summary import QualityMeasures, Stale
from precedent.quality.measures.text_loss import TextLoss
from precedent.quality.score import Verdict, judge
from precedent.quality.thresholds import NAMES, Thresholds

SOUND = QualityMeasures(
    count=10,
    dimensions=8,
    other_dimensions=0,
    zero=0,
    not_finite=0,
    duplicates=0,
    norm_mean=1.0,
    norm_min=1.0,
    norm_max=1.0,
    coverage=1.0,
    canary=Canary(10, 1.0, 1.0, 0.0),
)


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
    assert found.score == 50
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
    limits = Thresholds.of({"title_to_body_mrr": 0})
    floor = gate(judge(replace(SOUND, title_to_body=pairs), limits), "title_to_body_mrr").threshold
    assert floor == pytest.approx(pairs.chance + 4 * pairs.chance_error)


def test_gates_say_which_way_they_compare() -> None:
    assert gate(judge(SOUND), "zero_vectors").comparison == "at_most"
    assert gate(judge(SOUND), "coverage").comparison == "at_least"


def test_what_goes_back_to_the_texts_weighs_as_much_as_all_else() -> None:
    weights = {item.name: item.weight for item in judge(SOUND).gates}
    texts = sum(weight for name, weight in weights.items() if name.startswith(("canary", "title")))
    assert texts == sum(weights.values()) - texts


def test_what_does_not_block_costs_points_only() -> None:
    found = judge(replace(SOUND, norm_max=1.5))
    assert found.passed
    assert 80 < found.score < 100
    assert found.blocking_failures == ()


def test_measures_and_verdict_survive_json() -> None:
    measures = replace(
        SOUND,
        stale=(Stale("precision", "int8", "bfloat16"),),
        recall=recall([np.arange(10.0)], [np.arange(10.0)], 9),
        drift=Drift(20, 20, 0.1, 0.01, 0.002),
        text_loss=TextLoss(1, 2, 0.0, 1, 0.0),
        title_to_body=unrelated(60, 60),
    )
    again = QualityMeasures.from_dict(json.loads(json.dumps({**measures.as_dict(), "of_a_later_release": 1})))
    assert again == measures
    verdict = judge(measures)
    gates = json.loads(json.dumps([item.as_dict() for item in verdict.gates]))
    assert Verdict.stored(verdict.score, verdict.passed, gates) == verdict


def test_every_gate_is_explained_and_every_threshold_used() -> None:
    assert [item.name for item in judge(SOUND).gates] == [rule.name for rule in RULES]
    assert all(rule.meaning for rule in RULES)
    assert sorted(rule.threshold for rule in RULES if rule.threshold) == sorted(NAMES)


@pytest.mark.parametrize(
    ("threshold", "worse", "gate"),
    [
        ({"canary_below": 0.5}, {"canary": Canary(10, 1.0, 0.5, 0.4)}, "canary_below_099"),
        ({"canary_mean": 0.9}, {"canary": Canary(10, 0.95, 0.9, 0.0)}, "canary_mean"),
        ({"coverage": 0.5}, {"coverage": 0.6}, "coverage"),
        ({"duplicate_rate": 0.5}, {"duplicates": 4}, "duplicate_rate"),
        ({"tokens_cut": 0.2}, {"text_loss": TextLoss(1, 10, 0.1, 1, 0.0)}, "tokens_cut"),
        ({"tokens_lost": 0.2}, {"text_loss": TextLoss(1, 10, 0.0, 1, 0.1)}, "tokens_lost"),
        ({"recall_at_10": 0.3}, {"recall": Recall(True, 10, "", 5, 0.4, 0.1)}, "recall_at_10"),
    ],
)
def test_a_threshold_decides_about_its_gate(threshold: dict[str, float], worse: dict[str, object], gate: str) -> None:
    measures = replace(SOUND, **worse)  # type: ignore[arg-type]
    assert judge(measures).blocking_failures == (gate,)
    assert judge(measures, Thresholds.of(threshold)).passed
