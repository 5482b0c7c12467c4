"""Each known fault, planted into real embeddings of real issues, fails the gate that should see it."""

import numpy as np
import pytest

from precedent.quality import measures as measure
from precedent.quality.measurement import stale
from precedent.quality.measures.drift import drift
from precedent.quality.measures.recall import recall
from precedent.quality.measures.summary import Stale
from precedent.quality.measures.text_loss import TextLoss
from precedent.quality.score import judge
from precedent.vectors.space import SpaceProfile
from tests.unit.quality.planting import Fault, coarse, cone, cut, identical, one_row, random, swapped
from tests.unit.quality.real_vectors import COUNT, NEEDS_RECORDS, Real, driver, failed, halved, measured, read, verdict

pytestmark = NEEDS_RECORDS


@pytest.fixture(scope="module")
def real() -> Real:
    return read()


def test_clean_vectors_pass_every_gate_in_half_precision(real: Real) -> None:
    found = verdict(halved(real.bodies), real.titles, real.bodies)
    assert failed(found) == set()
    assert found.score == 100
    assert all(gate.passed for gate in found.gates)


CANARY = {"canary_below_099", "canary_mean"}
TITLES = {"title_to_body_ratio", "title_to_body_mrr"}


@pytest.mark.parametrize(
    ("fault", "gates"),
    [
        (lambda v: swapped(v, 0.3), CANARY | {"title_to_body_ratio"}),
        (lambda v: swapped(v, 1.0), CANARY | TITLES),
        (identical, {"duplicate_rate", "canary_below_099"}),
        (cut, CANARY),
        (random, CANARY | TITLES),
        (cone, CANARY | {"mean_cosine"}),
        (coarse, CANARY),
        (one_row(0.0), {"zero_vectors"}),
        (one_row(np.nan), {"not_finite"}),
        (lambda v: v[:, :300], {"other_dimensions", *CANARY}),
        (lambda v: v * 1.5, {"norm_deviation"}),
    ],
    ids=[
        "30 % swapped",
        "all swapped",
        "5 % identical",
        "cut",
        "random",
        "cone",
        "coarse",
        "zero",
        "nan",
        "dimensions",
        "norms",
    ],
)
def test_a_fault_fails_its_gates(real: Real, fault: Fault, gates: set[str]) -> None:
    found = verdict(fault(real.bodies), real.titles, real.bodies)
    assert gates <= failed(found)
    if gates != {"norm_deviation"}:
        assert found.score == 0
        assert not found.passed
        # The verdict names what it failed by, and only a gate that blocks stops anything.
        assert (gates - {"mean_cosine"}) <= set(found.blocking_failures)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_no_measure_of_shape_sees_swapped_rows(real: Real, share: float) -> None:
    found = failed(verdict(swapped(real.bodies, share), real.titles, real.bodies))
    assert found <= CANARY | TITLES


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_weights_in_eight_bits_fail_the_canary(real: Real) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(driver().files.folder), device="cpu")
    with pytest.warns(DeprecationWarning, match="torch.ao.quantization"):
        coarse_model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    texts = real.body_texts[:52]
    stored = coarse_model.encode(texts, convert_to_numpy=True, normalize_embeddings=True)
    found = verdict(stored, real.titles[:52], real.bodies[:52])
    assert set(found.blocking_failures) >= CANARY


def test_other_weights_of_the_same_name_fail_the_canary(real: Real) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    # A model that was trained a little further: its last layer differs by a tenth of its spread.
    model = SentenceTransformer(str(driver().files.folder), device="cpu")
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.ndim == 2 and "layer.5" in name:
                weights.add_(torch.randn(weights.shape, generator=noise) * weights.std() * 0.1)
    stored = model.encode(real.body_texts[:52], convert_to_numpy=True, normalize_embeddings=True)
    found = verdict(stored, real.titles[:52], real.bodies[:52])
    assert set(found.blocking_failures) == CANARY


PROFILE = SpaceProfile("sentence_transformers", "all-MiniLM-L6-v2", "53aa5117", 384, "bfloat16", "l2", "cut")


@pytest.mark.parametrize(
    ("field", "stored"),
    [("model", "all-MiniLM-L12-v2"), ("model_fingerprint", "00000000"), ("precision", "int8"), ("dimensions", 768)],
)
def test_a_stale_model_fails_by_its_name(real: Real, field: str, stored: object) -> None:
    values = {name: getattr(PROFILE, name) for name in PROFILE.__dataclass_fields__} | {field: stored}
    parts = stale(SpaceProfile(**values), PROFILE)
    assert parts == (Stale(field, str(stored), str(getattr(PROFILE, field))),)
    found = judge(measured(halved(real.bodies), real.titles, real.bodies, stale=parts))
    assert found.blocking_failures == ("stale_model",)
    gate = next(gate for gate in found.gates if gate.name == "stale_model")
    assert gate.reason.endswith(f"{field} {stored} stored, {getattr(PROFILE, field)} configured")


def test_the_same_model_is_not_stale() -> None:
    assert stale(PROFILE, PROFILE) == ()


def test_an_index_that_misses_neighbours_fails_recall(real: Real) -> None:
    distances = np.sort(1 - real.titles @ real.bodies.T, axis=1).astype(np.float64)
    exact = [row[:10] for row in distances]
    # An index that returns the second to twentieth nearest alternately: half of the ten are missing.
    sparse = recall([row[1:20:2] for row in distances], exact, len(real.bodies))
    found = judge(measured(halved(real.bodies), real.titles, real.bodies, recall=sparse))
    assert found.blocking_failures == ("recall_at_10",)
    whole = recall(exact, exact, len(real.bodies))
    assert judge(measured(halved(real.bodies), real.titles, real.bodies, recall=whole)).passed


@pytest.mark.parametrize(
    ("loss", "gate"),
    [(TextLoss(COUNT, 20_000, 0.1, 64, 0.0), "tokens_cut"), (TextLoss(COUNT, 20_000, 0.0, 64, 0.02), "tokens_lost")],
)
def test_text_that_no_vector_stands_for_fails_by_its_name(real: Real, loss: TextLoss, gate: str) -> None:
    found = judge(measured(halved(real.bodies), real.titles, real.bodies, loss=loss))
    assert found.blocking_failures == (gate,)


def test_new_vectors_of_another_model_are_drift(real: Real) -> None:
    kept, new = halved(real.bodies[::2]), real.bodies[1::2]
    same, other = drift(new, kept), drift(cone(new), kept)
    assert same is not None
    assert other is not None
    assert not same.significant
    assert other.significant
    assert other.mmd2 > 5 * other.null_95


def test_a_model_that_is_wrong_the_same_way_twice_scores_nothing(real: Real) -> None:
    # Titles of other bodies, stored and embedded again alike: canary and ratio compare the model with itself.
    wrong = swapped(real.bodies, 1.0)
    found = verdict(wrong, real.titles, wrong)
    assert failed(found) == {"title_to_body_mrr"}
    assert found.score == 0
    assert found.blocking_failures == ("title_to_body_mrr",)


def test_rounding_to_half_precision_leaves_a_wide_margin(real: Real) -> None:
    found = measure.canary(halved(real.bodies), real.bodies)
    assert found is not None
    assert found.p1_cosine > 0.99999
    assert found.below == 0


def test_the_same_engine_in_other_batches_leaves_a_wide_margin(real: Real) -> None:
    model = driver()
    again = np.concatenate([model.embed(real.body_texts[row : row + 7]).vectors for row in range(0, 35, 7)])
    found = measure.canary(halved(real.bodies[:35]), again)
    assert found is not None
    assert found.mean_cosine > 0.9999
