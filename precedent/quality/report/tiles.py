"""The figures at the top of a report, each with its change and its line over the last reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.charts import LineChart, line
from precedent.quality.repository import Point
from precedent.quality.score import Verdict
from precedent.quality.trend import Trend, trend


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure as it is shown; `change` is empty and `line` None in a first report."""

    name: str
    value: str
    change: str
    line: LineChart | None


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure to show: the digits of its value, and the span that its line has at least."""

    name: str
    value: float | None
    change: float | None
    history: list[float | None]
    digits: int
    span: float

    def tile(self, dates: Sequence[str]) -> Tile:
        def show(value: float) -> str:
            return f"{value:,.{self.digits}f}"

        description = f"{self.name} of the last {len(dates)} reports"
        return Tile(
            name=self.name,
            value="not measured" if self.value is None else show(self.value),
            change=self._change(),
            line=line(description, self.history, dates, show, self.span) if len(dates) > 1 else None,
        )

    def _change(self) -> str:
        if self.value is None or self.change is None:
            return ""
        return f"{self.change:+,.{self.digits}f}" if round(self.change, self.digits) else "unchanged"


def tiles_of(verdict: Verdict, measures: QualityMeasures, history: Sequence[Point]) -> list[Tile]:
    """The tiles of a report; `history` holds the last reports, the oldest first, this one the last."""
    change = trend(history)
    canary, pairs, recall = measures.canary, measures.title_to_body, measures.recall
    figures = (
        _Figure("Score", verdict.score, change and change.score, [point.score for point in history], 0, 10),
        _Figure("Vectors", measures.count, change and change.count, [point.count for point in history], 0, 10),
        _Figure(
            "Canary mean cosine",
            canary and canary.mean_cosine,
            change and change.canary_mean,
            [point.canary_mean for point in history],
            5,
            0.001,
        ),
        _Figure(
            "Title to body (MRR at 10)",
            pairs and pairs.mrr,
            change and change.mrr,
            [point.mrr for point in history],
            3,
            0.1,
        ),
        _Figure(
            "Recall at 10",
            recall and recall.recall,
            change and change.recall,
            [point.recall for point in history],
            3,
            0.05,
        ),
    )
    dates = [point.at.strftime("%Y-%m-%d %H:%M") for point in history]
    return [figure.tile(dates) for figure in figures]


def since(change: Trend | None, reports: int) -> str:
    """What the changes of the tiles refer to."""
    if change is None:
        return "First report"
    other = "" if change.same_space else ", which was of another space"
    return f"Last {reports} reports, and the change since {change.since:%Y-%m-%d %H:%M}{other}"
