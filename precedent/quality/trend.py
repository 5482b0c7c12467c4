"""What has changed since the previous report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from precedent.quality.repository import Point


@dataclass(frozen=True, slots=True)
class Trend:
    """Differences to the previous report; None where one of both was not measured.

    Attributes:
        since: When the previous one was made.
        same_space: Whether both are of one space; of two, the figures say what the change of model did.
        score: Points.
        count: Vectors.
        canary_mean: Mean cosine of the canaries.
        mrr: Mean reciprocal rank of titles.
        recall: Recall at 10.
    """

    since: datetime
    same_space: bool
    score: float
    count: int
    canary_mean: float | None
    mrr: float | None
    recall: float | None


def trend(history: Sequence[Point]) -> Trend | None:
    """The newest report against the one before, of reports in the order of time; None for the first."""
    if len(history) < 2:
        return None
    before, now = history[-2], history[-1]
    return Trend(
        since=before.at,
        same_space=before.space_id == now.space_id,
        score=now.score - before.score,
        count=now.count - before.count,
        canary_mean=_difference(now.canary_mean, before.canary_mean),
        mrr=_difference(now.mrr, before.mrr),
        recall=_difference(now.recall, before.recall),
    )


def _difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before
