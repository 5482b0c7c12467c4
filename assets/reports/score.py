"""Judging measures: gates that block, and one score."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from assets.reports.measures import Canary, ShapeMeasures, TitleToBody
from resources.errors import UsageError


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a gate fails. Defaults come from real issues and the faults planted into them.

    A clean set of 2,400 issues reaches a title-to-body MRR of .66, the same with 30 % of the rows swapped .46
    and falls with the number of candidates; `title_to_body_ratio` therefore compares stored vectors with fresh
    ones of the same pairs, which size and subject do not move. It cannot see a model that is wrong the same way
    twice: `title_to_body_mrr` can. Of 200 clean pairs, issues, pull requests and commits reach .74 to .82, incidents
    of a status page .27; 99.9 % of draws of random vectors stay below .04.
    """

    canary_below: float = 0.01
    canary_mean: float = 0.99
    title_to_body_mrr: float = 0.15
    title_to_body_ratio: float = 0.9
    duplicate_rate: float = 0.02
    norm_deviation: float = 0.01
    mean_cosine: float = 0.6
    effective_rank_share: float = 0.5
    coverage: float = 1.0

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Thresholds":
        """Defaults with some replaced.

        Raises:
            UsageError: a name that is no threshold, or a value that is no finite number.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise UsageError(f"There is no threshold {unknown[0]!r}: choose from {', '.join(sorted(known))}.")
        return cls(**{name: _number(name, value) for name, value in values.items()})


@dataclass(frozen=True, slots=True)
class QualityMeasures:
    """All figures of one report; None where there was too little to measure.

    `title_to_body_fresh` and `effective_rank_fresh` are the same measures on texts embedded now.
    """

    count: int
    dimensions: int
    other_dimensions: int
    zero: int
    not_finite: int
    duplicates: int
    norm_mean: float
    norm_min: float
    norm_max: float
    coverage: float
    shape: ShapeMeasures | None = None
    canary: Canary | None = None
    title_to_body: TitleToBody | None = None
    title_to_body_fresh: TitleToBody | None = None
    effective_rank_fresh: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score from 0 to 100, and the gates it comes from."""

    score: float
    passed: bool
    gates: tuple[Gate, ...]

    @property
    def blocking_failures(self) -> tuple[str, ...]:
        """Names of the failed gates that block."""
        return tuple(gate.name for gate in self.gates if gate.blocking and gate.passed is False)


MIN_PAIRS = 20
# With 20 candidates the best of random draws reach what a healthy status page does; from 50 on they are far apart.
MIN_TITLES = 50
CHANCE_ERRORS = 4


def judge(measures: QualityMeasures, thresholds: Thresholds | None = None) -> Verdict:
    """The verdict on a set of vectors.

    A failed blocking gate makes the score 0: vectors that search cannot trust are not half good. Otherwise it is
    the weighted share of gates that passed, of those that were measured; those that go back to the texts weigh
    as much as all others, as no other sees vectors of other texts. So a canary that was not measured counts as
    not passed, and an empty set scores 0: nothing known is not everything well.
    """
    limits = thresholds or Thresholds()
    count = max(measures.count, 1)
    ratio, why_not = _title_to_body(measures)
    canary = measures.canary
    rank = measures.shape.effective_rank if measures.shape else None
    fresh = measures.effective_rank_fresh
    floor, mrr, why_no_floor = _above_chance(measures.title_to_body, limits.title_to_body_mrr)
    no_text = "there is no text to embed again"
    gates = (
        _at_least("vectors", measures.count, 1, weight=0, blocking=True),
        _at_most("zero_vectors", measures.zero, 0, weight=1, blocking=True),
        _at_most("not_finite", measures.not_finite, 0, weight=1, blocking=True),
        _at_most("other_dimensions", measures.other_dimensions, 0, weight=1, blocking=True),
        _at_most(
            "canary_below_099", canary.below if canary else None, limits.canary_below, weight=3, blocking=True,
            missing=no_text,
        ),
        _at_least(
            "canary_mean", canary.mean_cosine if canary else None, limits.canary_mean, weight=1, blocking=True,
            missing=no_text,
        ),
        _at_least(
            "title_to_body_ratio", ratio, limits.title_to_body_ratio, weight=2, blocking=True, missing=why_not
        ),
        _at_least("title_to_body_mrr", mrr, floor, weight=2, blocking=True, missing=why_no_floor),
        _at_least("coverage", measures.coverage, limits.coverage, weight=1, blocking=True),
        _at_most("duplicate_rate", measures.duplicates / count, limits.duplicate_rate, weight=1, blocking=True),
        _at_most(
            "norm_deviation",
            max(abs(measures.norm_min - 1), abs(measures.norm_max - 1)) if measures.count else None,
            limits.norm_deviation, weight=1, blocking=False, missing="there are no vectors",
        ),
        _at_most(
            "mean_cosine", measures.shape.mean_cosine if measures.shape else None, limits.mean_cosine, weight=1,
            blocking=False, missing="fewer than three vectors",
        ),
        _at_least(
            "effective_rank_share", rank / fresh if rank and fresh else None, limits.effective_rank_share,
            weight=1, blocking=False, missing="too few vectors to compare",
        ),
    )  # fmt: skip
    blocked = any(gate.blocking and gate.passed is False for gate in gates)
    total = sum(gate.weight for gate in gates if gate.passed is not None or gate.name.startswith("canary"))
    share = sum(gate.weight for gate in gates if gate.passed) / total
    return Verdict(0.0 if blocked else round(100 * share, 1), not blocked, gates)


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"The threshold {name!r} must be a number, not {value!r}.")
    return number


def _above_chance(found: TitleToBody | None, limit: float) -> tuple[float, float | None, str]:
    if found is None or found.distinct_titles < MIN_TITLES:
        return limit, None, f"fewer than {MIN_TITLES} different titles have a body"
    return max(limit, found.chance + CHANCE_ERRORS * found.chance_error), found.mrr, ""


def _title_to_body(measures: QualityMeasures) -> tuple[float | None, str]:
    stored, fresh = measures.title_to_body, measures.title_to_body_fresh
    if stored is None or fresh is None or stored.pairs < MIN_PAIRS:
        return None, f"fewer than {MIN_PAIRS} documents have a title and a body"
    if fresh.mrr < 2 * fresh.chance:
        return None, "titles and bodies of this source have too little in common"
    return stored.mrr / fresh.mrr, ""


def _at_most(name: str, value: float | None, limit: float, *, weight: float, blocking: bool, missing: str = "") -> Gate:
    if value is None:
        return Gate(name, None, limit, "at_most", None, blocking, weight, f"not measured: {missing}")
    passed = value <= limit
    return Gate(name, float(value), limit, "at_most", passed, blocking, weight, f"{value:.4g}, at most {limit:.4g}")


def _at_least(
    name: str, value: float | None, limit: float, *, weight: float, blocking: bool, missing: str = ""
) -> Gate:
    if value is None:
        return Gate(name, None, limit, "at_least", None, blocking, weight, f"not measured: {missing}")
    passed = value >= limit
    return Gate(name, float(value), limit, "at_least", passed, blocking, weight, f"{value:.4g}, at least {limit:.4g}")
