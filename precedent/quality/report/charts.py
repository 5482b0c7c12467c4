"""The charts of a report: where everything is drawn, in units of the SVG that `charts.svg` writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from precedent.quality.report.chart_data import ChartData, Histogram

WIDTH, HEIGHT = 340, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 30, 196
LINE_WIDTH, LINE_HEIGHT, LINE_EDGE = 220.0, 56.0, 6.0
SERIES = 5
LEGEND_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Label:
    """A text that starts, is centred, or ends at a point."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, and what it says where one points at it."""

    x: float
    y: float
    width: float
    height: float
    tip: str


@dataclass(frozen=True, slots=True)
class HistogramChart:
    """Bars over a grid of three lines, with the name of the axis below."""

    title: str
    description: str
    bars: tuple[Bar, ...]
    grid: tuple[Label, ...]
    ticks: tuple[Label, ...]
    axis: Label


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one kind as one SVG path of dots, and its entry in the legend."""

    number: int
    path: str
    legend: Label


@dataclass(frozen=True, slots=True)
class ScatterChart:
    """Points by kind, with a legend below."""

    title: str
    description: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """A value on a line, and what it says where one points at it."""

    x: float
    y: float
    radius: float
    tip: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line of values; what was not measured is a gap between two runs of it."""

    description: str
    runs: tuple[str, ...]
    dots: tuple[Dot, ...]


def histogram(title: str, description: str, axis: str, values: Histogram) -> HistogramChart:
    """Bars with their counts.

    Args:
        title: Above the chart.
        description: For readers who do not see it.
        axis: What is counted.
        values: The counts.
    """
    inner, tall = WIDTH - LEFT - RIGHT, BOTTOM - TOP
    width, most = inner / len(values.counts), max(values.counts)
    step = (values.high - values.low) / len(values.counts)
    bars = []
    for row, count in enumerate(values.counts):
        if count:
            height = max(count / most * tall, 1)
            low = values.low + row * step
            tip = f"{low:.3g} to {low + step:.3g}: {count:,}"
            bars.append(Bar(LEFT + row * width, BOTTOM - height, max(width - 1, 1), height, tip))
    amounts = sorted({most, most // 2, 0}, reverse=True)
    return HistogramChart(
        title=title,
        description=description,
        bars=tuple(bars),
        grid=tuple(Label(LEFT, BOTTOM - n / most * tall, f"{n:,}", "end") for n in amounts) if most else (),
        ticks=tuple(
            Label(LEFT + share * inner, BOTTOM + 15, f"{values.low + share * (values.high - values.low):.3g}", anchor)
            for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
        ),
        axis=Label(LEFT + inner / 2, HEIGHT - 8, axis, "middle"),
    )


def scatter(title: str, description: str, data: ChartData) -> ScatterChart:
    """The sampled passages in two principal components, the most frequent kind first."""
    kinds = sorted(set(data.kinds), key=lambda kind: (-data.kinds.count(kind), kind))
    xs, ys = zip(*data.points, strict=True) if data.points else ((0.0,), (0.0,))
    across = (WIDTH - 2 * RIGHT) / ((max(xs) - min(xs)) or 1)
    up = (BOTTOM - TOP) / ((max(ys) - min(ys)) or 1)
    series = []
    for number, kind in enumerate(kinds):
        places = [
            f"M{RIGHT + (x - min(xs)) * across:.1f} {BOTTOM - (y - min(ys)) * up:.1f}h0"
            for (x, y), own in zip(data.points, data.kinds, strict=True)
            if own == kind
        ]
        row, column = divmod(number, LEGEND_COLUMNS)
        legend = Label(RIGHT + 6 + column * 112, BOTTOM + 20 + row * 16, f"{kind.replace('_', ' ')} ({len(places):,})")
        series.append(Series(number % SERIES, "".join(places), legend))
    return ScatterChart(title, description, tuple(series))


def line(
    description: str, values: Sequence[float | None], names: Sequence[str], show: Callable[[float], str], span: float
) -> LineChart:
    """A line of the last values.

    Args:
        description: For readers who do not see it.
        values: In the order of time; None where it was not measured.
        names: What each stands for, e.g. its date.
        show: How a value is written.
        span: The axis spans at least this much: noise must not look like a fall.
    """
    known = [value for value in values if value is not None]
    if not known:
        return LineChart(description, (), ())
    middle, span = (max(known) + min(known)) / 2, max(max(known) - min(known), span)
    step = (LINE_WIDTH - 2 * LINE_EDGE) / max(len(values) - 1, 1)
    runs: list[list[str]] = [[]]
    dots = []
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x = LINE_EDGE + place * step if len(values) > 1 else LINE_WIDTH / 2
        y = LINE_HEIGHT / 2 - (value - middle) / span * (LINE_HEIGHT - 2 * LINE_EDGE)
        runs[-1].append(f"{x:.1f},{y:.1f}")
        dots.append(Dot(x, y, 3.5 if place == len(values) - 1 else 1.8, f"{names[place]}: {show(value)}"))
    return LineChart(description, tuple(" ".join(run) for run in runs if len(run) > 1), tuple(dots))


def charts_of(data: ChartData) -> tuple[HistogramChart, HistogramChart, ScatterChart]:
    """The three charts of a report."""
    return (
        histogram("Norms", "Histogram of norms", "length of the vector, all passages", data.norms),
        histogram(
            "Nearest neighbours",
            "Histogram of cosines to the nearest neighbour",
            f"cosine to the nearest other of {len(data.points):,}",
            data.neighbours,
        ),
        scatter("Two principal components", "Sampled passages in two principal components", data),
    )
