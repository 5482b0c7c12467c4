"""Judging measures: gates that block, and one score."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from precedent.quality.labels import gate_title
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.thresholds import Thresholds

MIN_PAIRS = 20
# With 20 candidates the best of random draws reach what a healthy status page does; from 50 on they are far apart.
MIN_TITLES = 50
CHANCE_ERRORS = 4


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition; `passed` None means that it was not measured, and why stands in `reason`."""

    name: str
    value: float | None
    threshold: float
    comparison: Literal["at_most", "at_least"]
    passed: bool | None
    blocking: bool
    weight: float
    reason: str

    @property
    def result(self) -> str:
        """How it ended, in a word or two."""
        if self.passed is None:
            return "not measured"
        return "passed" if self.passed else "failed" if self.blocking else "warning"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score from 0 to 100, and the gates it comes from."""

    score: float
    passed: bool
    gates: tuple[Gate, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """Names of the failed gates."""
        return tuple(gate.name for gate in self.gates if gate.passed is False)

    @property
    def blocking_failures(self) -> tuple[str, ...]:
        """Names of the failed gates that block."""
        return tuple(gate.name for gate in self.gates if gate.blocking and gate.passed is False)

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        if self.blocking_failures:
            return f"Failed: {', '.join(map(gate_title, self.blocking_failures))}."
        if self.failures:
            return f"Passed, with a warning: {', '.join(map(gate_title, self.failures))}."
        return "Passed: every gate that could be measured holds."

    @classmethod
    def stored(cls, score: float, passed: bool, gates: list[Mapping[str, Any]]) -> "Verdict":
        """A verdict as a report keeps it."""
        return cls(score, passed, tuple(Gate(**gate) for gate in gates))


def judge(measures: QualityMeasures, thresholds: Thresholds | None = None) -> Verdict:
    """The verdict on a set of vectors.

    A failed blocking gate makes the score 0: vectors that search cannot trust are not half good. Otherwise it is
    the weighted share of gates that passed, of those that were measured; those that go back to the texts weigh
    as much as all others, as no other sees vectors of other texts. So a canary that was not measured counts as
    not passed, and an empty set scores 0: nothing known is not everything well.
    """
    limits = thresholds or Thresholds()
    gates = (*_of_rows(measures), *_of_texts(measures, limits), *_of_search(measures, limits),
             *_of_shape(measures, limits))  # fmt: skip
    blocked = any(gate.blocking and gate.passed is False for gate in gates)
    total = sum(gate.weight for gate in gates if gate.passed is not None or gate.name.startswith("canary"))
    share = sum(gate.weight for gate in gates if gate.passed) / total
    return Verdict(0.0 if blocked else round(100 * share, 1), not blocked, gates)


def _of_rows(measures: QualityMeasures) -> Iterator[Gate]:
    stale = measures.stale
    yield _at_least("vectors", measures.count, 1, weight=0, blocking=True)
    yield _at_most("zero_vectors", measures.zero, 0, weight=1, blocking=True)
    yield _at_most("not_finite", measures.not_finite, 0, weight=1, blocking=True)
    yield _at_most("other_dimensions", measures.other_dimensions, 0, weight=1, blocking=True)
    yield _at_most(
        "stale_model", None if stale is None else len(stale), 0, weight=1, blocking=True,
        missing="the configured model is not known",
        detail="; ".join(f"{part.field} {part.stored or 'none'} stored, {part.configured or 'none'} configured"
                         for part in stale or ()),
    )  # fmt: skip


def _of_texts(measures: QualityMeasures, limits: Thresholds) -> Iterator[Gate]:
    canary, loss = measures.canary, measures.text_loss
    ratio, why_not = _title_to_body(measures)
    floor, mrr, why_no_floor = _above_chance(measures, limits.title_to_body_mrr)
    no_text, no_documents = "there is no text to embed again", "there is no document"
    yield _at_most(
        "canary_below_099", canary.below if canary else None, limits.canary_below, weight=4, blocking=True,
        missing=no_text,
    )  # fmt: skip
    yield _at_least(
        "canary_mean", canary.mean_cosine if canary else None, limits.canary_mean, weight=2, blocking=True,
        missing=no_text,
    )  # fmt: skip
    yield _at_least("title_to_body_ratio", ratio, limits.title_to_body_ratio, weight=3, blocking=True, missing=why_not)
    yield _at_least("title_to_body_mrr", mrr, floor, weight=3, blocking=True, missing=why_no_floor)
    yield _at_most(
        "tokens_cut", loss.cut if loss else None, limits.tokens_cut, weight=1, blocking=True, missing=no_documents
    )
    yield _at_most(
        "tokens_lost", loss.lost if loss else None, limits.tokens_lost, weight=1, blocking=True, missing=no_documents
    )


def _of_search(measures: QualityMeasures, limits: Thresholds) -> Iterator[Gate]:
    found = measures.recall
    detail = ""
    if found:
        asked = f"{found.queries} queries" if found.indexed else "exact search"
        detail = f"{asked}, {found.rows:,} vectors ({found.band})"
    yield _at_least(
        "recall_at_10", found.recall if found else None, limits.recall_at_10, weight=1, blocking=True,
        missing="there is nothing to ask", detail=detail,
    )  # fmt: skip
    yield _at_least("coverage", measures.coverage, limits.coverage, weight=1, blocking=True)
    yield _at_most(
        "duplicate_rate", measures.duplicates / max(measures.count, 1), limits.duplicate_rate, weight=1, blocking=True
    )


def _of_shape(measures: QualityMeasures, limits: Thresholds) -> Iterator[Gate]:
    shape, fresh = measures.shape, measures.effective_rank_fresh
    yield _at_most(
        "norm_deviation",
        max(abs(measures.norm_min - 1), abs(measures.norm_max - 1)) if measures.count else None,
        limits.norm_deviation, weight=1, blocking=False, missing="there are no vectors",
    )  # fmt: skip
    yield _at_most(
        "mean_cosine", shape.mean_cosine if shape else None, limits.mean_cosine, weight=1, blocking=False,
        missing="fewer than three vectors",
    )  # fmt: skip
    yield _at_least(
        "effective_rank_share", shape.effective_rank / fresh if shape and fresh else None,
        limits.effective_rank_share, weight=1, blocking=False, missing="too few vectors to compare",
    )  # fmt: skip


def _above_chance(measures: QualityMeasures, limit: float) -> tuple[float, float | None, str]:
    found = measures.title_to_body
    if found is None or found.distinct_titles < MIN_TITLES:
        return limit, None, f"fewer than {MIN_TITLES} different titles have a body"
    return max(limit, found.chance + CHANCE_ERRORS * found.chance_error), found.mrr, ""


def _title_to_body(measures: QualityMeasures) -> tuple[float | None, str]:
    stored, fresh = measures.title_to_body_compared, measures.title_to_body_fresh
    if stored is None or fresh is None or stored.pairs < MIN_PAIRS:
        return None, f"fewer than {MIN_PAIRS} documents have a title and a body"
    if fresh.mrr < 2 * fresh.chance:
        return None, "titles and bodies of this source have too little in common"
    return stored.mrr / fresh.mrr, ""


def _at_most(
    name: str, value: float | None, limit: float, *, weight: float, blocking: bool, missing: str = "", detail: str = ""
) -> Gate:
    passed = None if value is None else value <= limit
    return Gate(
        name, None if value is None else float(value), limit, "at_most", passed, blocking, weight,
        _reason(value, f"at most {limit:.4g}", missing, detail),
    )  # fmt: skip


def _at_least(
    name: str, value: float | None, limit: float, *, weight: float, blocking: bool, missing: str = "", detail: str = ""
) -> Gate:
    passed = None if value is None else value >= limit
    return Gate(
        name, None if value is None else float(value), limit, "at_least", passed, blocking, weight,
        _reason(value, f"at least {limit:.4g}", missing, detail),
    )  # fmt: skip


def _reason(value: float | None, limit: str, missing: str, detail: str) -> str:
    if value is None:
        return f"not measured: {missing}"
    return f"{value:.4g}, {limit}" + (f": {detail}" if detail else "")
