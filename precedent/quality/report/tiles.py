"""The figures at the top of a report, each with its change and its line over the last reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from precedent.quality.report.charts import line
from precedent.quality.repository import Point
from precedent.quality.trend import trend

# Name, field of a point, digits, and the span that the line has at least.
FIGURES = (
    ("Score", "score", 0, 10),
    ("Vectors", "count", 0, 10),
    ("Canary mean cosine", "canary_mean", 5, 0.001),
    ("Title to body (MRR at 10)", "mrr", 3, 0.1),
    ("Recall at 10", "recall", 3, 0.05),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure as it is shown; `change` and `line` are empty in a first report."""

    name: str
    value: str
    change: str
    line: Markup


def tiles_of(history: Sequence[Point]) -> list[Tile]:
    """The tiles of the last of some reports in the order of time."""
    return [_tile(name, field, digits, span, history) for name, field, digits, span in FIGURES]


def _tile(name: str, field: str, digits: int, span: float, history: Sequence[Point]) -> Tile:
    def show(value: float) -> str:
        return f"{value:,.{digits}f}"

    values = [getattr(point, field) for point in history]
    change = getattr(trend(history), field, None)
    dates = [point.at.strftime("%Y-%m-%d %H:%M") for point in history]
    return Tile(
        name=name,
        value=show(values[-1]) if values and values[-1] is not None else "not measured",
        change="" if change is None else f"{change:+,.{digits}f}" if round(change, digits) else "unchanged",
        line=line(f"{name} of the last {len(values)} reports", values, dates, show, span)
        if len(values) > 1
        else Markup(""),
    )
