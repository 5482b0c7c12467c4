"""Each known fault, planted into real embeddings of real issues, fails the gate that should see it."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.reports import measures as measure
from assets.reports.score import QualityMeasures, Thresholds, Verdict, judge
from resources.errors import UsageError
from resources.providers.contract import Capability, DriverSettings
from resources.providers.drivers.sentence_transformers import SentenceTransformersDriver

ISSUES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "jira" / "issues.jsonl.gz"
pytestmark = [
    pytest.mark.records,
    pytest.mark.skipif(not ISSUES.exists(), reason="the shared records are absent"),
]
Vectors = NDArray[np.float32]
COUNT = 200


@pytest.fixture(scope="module")
def real() -> tuple[Vectors, Vectors]:
    """Titles and bodies of real issues, each (200, 384)."""
    titles, bodies = [], []
    with gzip.open(ISSUES) as lines:
        for line in lines:
            fields = json.loads(line)["fields"]
            if len(fields.get("description") or "") > 200 and len(fields.get("summary") or "") > 20:
                titles.append(fields["summary"])
                bodies.append(fields["description"][:800])
            if len(titles) == COUNT:
                break
    provider = SentenceTransformersDriver(
        DriverSettings("sentence_transformers", Capability.EMBEDDING, "all-MiniLM-L6-v2")
    )
    return provider.embed(titles).vectors, provider.embed(bodies).vectors


def verdict(stored: Vectors, titles: Vectors, fresh: Vectors) -> Verdict:
    rows = measure.RowMeasures(fresh.shape[1])
    rows.add(stored)
    norms = rows.all_norms()
    renewed = measure.shape(fresh)
    return judge(
        QualityMeasures(
            count=rows.count, dimensions=fresh.shape[1], other_dimensions=rows.other_dimensions, zero=rows.zero,
            not_finite=rows.not_finite, duplicates=rows.duplicates,
            norm_mean=float(norms.mean()), norm_min=float(norms.min()), norm_max=float(norms.max()), coverage=1.0,
            shape=measure.shape(stored), canary=measure.canary(stored, fresh),
            title_to_body=measure.title_to_body(titles, stored) if stored.shape == fresh.shape else None,
            title_to_body_fresh=measure.title_to_body(titles, fresh),
            effective_rank_fresh=renewed.effective_rank if renewed else None,
        )
    )  # fmt: skip


def failed(found: Verdict) -> set[str]:
    return {gate.name for gate in found.gates if gate.passed is False}


def halved(vectors: Vectors) -> Vectors:
    return vectors.astype(np.float16).astype(np.float32)


def test_clean_vectors_pass_every_gate_in_half_precision(real: tuple[Vectors, Vectors]) -> None:
    titles, bodies = real
    found = verdict(halved(bodies), titles, bodies)
    assert failed(found) == set()
    assert found.score == 100
    assert all(gate.passed for gate in found.gates)


def swapped(vectors: Vectors, share: float) -> Vectors:
    rows = np.random.default_rng(3).permutation(len(vectors))[: int(share * len(vectors))]
    out = vectors.copy()
    out[rows] = vectors[np.roll(rows, 1)]
    return out


def identical(vectors: Vectors) -> Vectors:
    out = vectors.copy()
    out[: len(out) // 20] = out[0]
    return out


def cut(vectors: Vectors) -> Vectors:
    out = vectors.copy()
    out[:, 64:] = 0
    return measure.normalised(out)


def random(vectors: Vectors) -> Vectors:
    return measure.normalised(np.random.default_rng(5).normal(size=vectors.shape).astype(np.float32))


def cone(vectors: Vectors) -> Vectors:
    return measure.normalised(vectors + 2 * measure.normalised(vectors.mean(axis=0, keepdims=True)))


def coarse(vectors: Vectors) -> Vectors:
    # Weights in eight bits cost about five per cent of cosine; noise of that size stands for them.
    noise = np.random.default_rng(9).normal(size=vectors.shape).astype(np.float32)
    return measure.normalised(vectors + 0.33 * measure.normalised(noise))


def zero(vectors: Vectors) -> Vectors:
    out = vectors.copy()
    out[7] = 0
    return out


def not_finite(vectors: Vectors) -> Vectors:
    out = vectors.copy()
    out[7, 3] = np.nan
    return out


@pytest.mark.parametrize(
    ("fault", "gates"),
    [
        (lambda v: swapped(v, 0.3), {"canary_below_099", "canary_mean", "title_to_body_ratio"}),
        (lambda v: swapped(v, 1.0), {"canary_below_099", "title_to_body_ratio", "title_to_body_mrr"}),
        (identical, {"duplicate_rate", "canary_below_099"}),
        (cut, {"canary_below_099"}),
        (random, {"canary_below_099", "title_to_body_ratio", "title_to_body_mrr"}),
        (cone, {"canary_below_099", "mean_cosine"}),
        (coarse, {"canary_below_099"}),
        (zero, {"zero_vectors"}),
        (not_finite, {"not_finite"}),
        (lambda v: v[:, :300], {"other_dimensions"}),
        (lambda v: v * 1.5, {"norm_deviation"}),
    ],
    ids=["30 % swapped", "all swapped", "5 % identical", "cut", "random", "cone", "coarse", "zero", "nan",
         "dimensions", "norms"],
)  # fmt: skip
def test_a_fault_fails_its_gates(real: tuple[Vectors, Vectors], fault: object, gates: set[str]) -> None:
    titles, bodies = real
    stored = fault(bodies)  # type: ignore[operator]
    found = verdict(stored, titles, bodies)
    assert gates <= failed(found)
    if gates != {"norm_deviation"}:
        assert found.score == 0
        assert not found.passed


def test_a_tenants_thresholds_replace_the_defaults() -> None:
    assert Thresholds.from_mapping({"duplicate_rate": 0.5}).duplicate_rate == 0.5
    with pytest.raises(UsageError, match="no threshold 'speed'"):
        Thresholds.from_mapping({"speed": 1})


def test_a_model_that_is_wrong_the_same_way_twice_scores_nothing(real: tuple[Vectors, Vectors]) -> None:
    titles, bodies = real
    # Titles of other bodies, stored and embedded again alike: canary and ratio compare the model with itself.
    wrong = swapped(bodies, 1.0)
    found = verdict(wrong, titles, wrong)
    assert failed(found) == {"title_to_body_mrr"}
    assert found.score == 0
    assert found.blocking_failures == ("title_to_body_mrr",)


def test_rounding_to_half_precision_leaves_a_wide_margin(real: tuple[Vectors, Vectors]) -> None:
    _, bodies = real
    found = measure.canary(halved(bodies), bodies)
    assert found is not None
    assert found.p1_cosine > 0.99999
    assert found.below == 0
