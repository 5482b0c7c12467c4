"""The gates of a report: what each looks at, what it is compared with, and what it means."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.thresholds import Thresholds

Comparison = Literal["at_most", "at_least"]
AT_MOST: Comparison = "at_most"
AT_LEAST: Comparison = "at_least"
MIN_PAIRS = 20
# With 20 candidates the best of random draws reach what a healthy status page does; from 50 on they are far apart.
MIN_TITLES = 50
CHANCE_ERRORS = 4
NO_TEXT = "there is no text to embed again"
NO_DOCUMENT = "there is no document"


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition as it was judged; `passed` None means that it was not measured, and why stands in `reason`."""

    name: str
    value: float | None
    threshold: float
    comparison: Comparison
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

    @property
    def detail(self) -> str:
        """What the reason says beside the figures."""
        return self.reason.partition(":")[2].strip()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def gate_title(name: str) -> str:
    """A gate's name as people read it."""
    return {
        "canary_below_099": "canary below .99",
        "recall_at_10": "recall at 10",
        "title_to_body_mrr": "title to body MRR",
    }.get(name, name.replace("_", " "))


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate looks at: a value with a detail, or None with the reason; `least` raises the limit."""

    value: float | None
    note: str = ""
    least: float = -math.inf


@dataclass(frozen=True, slots=True)
class Rule:
    """How a gate is judged.

    Attributes:
        name: Of the gate.
        comparison: Whether the limit is the most or the least.
        meaning: What it looks at, in a line.
        measure: Gives the value.
        limit: A fixed number; None where a threshold of the gate's name holds.
        weight: In the score.
        blocking: Whether its failure makes the score 0.
    """

    name: str
    comparison: Comparison
    meaning: str
    measure: Callable[[QualityMeasures], Finding]
    limit: float | None = None
    weight: float = 1
    blocking: bool = True

    @property
    def threshold(self) -> str | None:
        """The name of its threshold; None where the limit is fixed."""
        return None if self.limit is not None else self.name.removesuffix("_099")

    def apply(self, measures: QualityMeasures, thresholds: Thresholds) -> Gate:
        """The gate for a set of measures."""
        found = self.measure(measures)
        limit: float = getattr(thresholds, self.threshold) if self.threshold else self.limit or 0
        limit = max(limit, found.least)
        if found.value is None:
            return Gate(
                self.name, None, limit, self.comparison, None, self.blocking, self.weight, f"not measured: {found.note}"
            )
        passed = found.value <= limit if self.comparison == AT_MOST else found.value >= limit
        reason = f"{found.value:.4g}, {self.comparison.replace('_', ' ')} {limit:.4g}"
        reason += f": {found.note}" if found.note else ""
        return Gate(self.name, float(found.value), limit, self.comparison, passed, self.blocking, self.weight, reason)


def _stale(measures: QualityMeasures) -> Finding:
    if measures.stale is None:
        return Finding(None, "the configured model is not known")
    parts = (f"{p.field} {p.stored or 'none'} stored, {p.configured or 'none'} configured" for p in measures.stale)
    return Finding(len(measures.stale), "; ".join(parts))


def _title_to_body_ratio(measures: QualityMeasures) -> Finding:
    stored, fresh = measures.title_to_body_compared, measures.title_to_body_fresh
    if stored is None or fresh is None or stored.pairs < MIN_PAIRS:
        return Finding(None, f"fewer than {MIN_PAIRS} documents have a title and a body")
    if fresh.mrr < 2 * fresh.chance:
        return Finding(None, "titles and bodies of this source have too little in common")
    return Finding(stored.mrr / fresh.mrr)


def _title_to_body_mrr(measures: QualityMeasures) -> Finding:
    found = measures.title_to_body
    if found is None or found.distinct_titles < MIN_TITLES:
        return Finding(None, f"fewer than {MIN_TITLES} different titles have a body")
    return Finding(found.mrr, least=found.chance + CHANCE_ERRORS * found.chance_error)


def _recall(measures: QualityMeasures) -> Finding:
    found = measures.recall
    if found is None:
        return Finding(None, "there is nothing to ask")
    asked = f"{found.queries} queries" if found.indexed else "exact search"
    return Finding(found.recall, f"{asked}, {found.rows:,} vectors ({found.band})")


def _norm_deviation(measures: QualityMeasures) -> Finding:
    if not measures.count:
        return Finding(None, "there are no vectors")
    return Finding(max(abs(measures.norm_min - 1), abs(measures.norm_max - 1)))


def _effective_rank_share(measures: QualityMeasures) -> Finding:
    shape, fresh = measures.shape, measures.effective_rank_fresh
    if not shape or not fresh:
        return Finding(None, "too few vectors to compare")
    return Finding(shape.effective_rank / fresh)


def _count(name: str) -> Callable[[QualityMeasures], Finding]:
    """A figure that is always measured."""
    return lambda measures: Finding(getattr(measures, name))


def _part(part: str, name: str, missing: str) -> Callable[[QualityMeasures], Finding]:
    """A figure of a part of the measures, which may not have been measured."""

    def measure(measures: QualityMeasures) -> Finding:
        found = getattr(measures, part)
        return Finding(None, missing) if found is None else Finding(getattr(found, name))

    return measure


# Those that go back to the texts weigh as much as all others, as no other sees vectors of other texts.
# fmt: off
RULES = (
    Rule("vectors", AT_LEAST, "There are vectors to judge.", _count("count"), limit=1, weight=0),
    Rule("zero_vectors", AT_MOST, "Vectors of no length are as near to everything as to nothing.",
         _count("zero"), limit=0),
    Rule("not_finite", AT_MOST, "Vectors with an infinity or a NaN.", _count("not_finite"), limit=0),
    Rule("other_dimensions", AT_MOST, "Vectors of another dimension than their space.",
         _count("other_dimensions"), limit=0),
    Rule("stale_model", AT_MOST,
         "Parts of the model's identity in which stored vectors differ from what is configured.", _stale, limit=0),
    Rule("canary_below_099", AT_MOST,
         "Share of passages that, embedded again, differ from what is stored (cosine below .99).",
         _part("canary", "below", NO_TEXT), weight=4),
    Rule("canary_mean", AT_LEAST, "Mean cosine of those passages: another model or precision lowers it.",
         _part("canary", "mean_cosine", NO_TEXT), weight=2),
    Rule("title_to_body_ratio", AT_LEAST,
         "How well titles find their own stored passage, next to fresh vectors of the same.",
         _title_to_body_ratio, weight=3),
    Rule("title_to_body_mrr", AT_LEAST,
         "Mean reciprocal rank at which titles find their own passage: chance is near 0.",
         _title_to_body_mrr, weight=3),
    Rule("tokens_cut", AT_MOST, "Share of tokens in passages longer than the model's window: it does not read them.",
         _part("text_loss", "cut", NO_DOCUMENT)),
    Rule("tokens_lost", AT_MOST, "Share of the documents' tokens that are in no passage: no search can find them.",
         _part("text_loss", "lost", NO_DOCUMENT)),
    Rule("recall_at_10", AT_LEAST, "Share of the ten truly nearest that the index finds.", _recall),
    Rule("coverage", AT_LEAST, "Share of passages that have a vector.", _count("coverage")),
    Rule("duplicate_rate", AT_MOST, "Share of vectors equal to another's, though the texts differ.",
         _count("duplicate_rate")),
    Rule("norm_deviation", AT_MOST, "Largest distance of a vector's length from 1.", _norm_deviation, blocking=False),
    Rule("mean_cosine", AT_MOST, "Mean cosine of all pairs: a high one means that all vectors point one way.",
         _part("shape", "mean_cosine", "fewer than three vectors"), blocking=False),
    Rule("effective_rank_share", AT_LEAST, "Axes that the vectors use, next to fresh vectors of the same texts.",
         _effective_rank_share, blocking=False),
)
# fmt: on
BY_NAME = {rule.name: rule for rule in RULES}
