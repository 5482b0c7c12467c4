"""The charts of a report as SVG, in the colours of `charts.css`; whatever they show is escaped."""

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from precedent.quality.report.chart_data import ChartData, Histogram

# In the units of the view boxes below.
WIDTH, HEIGHT = 340, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 30, 196
LINE_WIDTH, LINE_HEIGHT, LINE_EDGE = 220.0, 56.0, 6.0
# Colours that `charts.css` has, and entries of a legend side by side.
SERIES = 5
LEGEND_COLUMNS = 3

CHART = Markup(
    '<svg class="chart" viewBox="0 0 340 240" role="img" aria-label="{0}">'
    '<text class="title" x="0" y="14">{0}</text>{1}</svg>'
)
EMPTY = Markup('<text class="empty" x="170" y="120" text-anchor="middle">nothing to show</text>')
TEXT = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
GRID = Markup('<g class="grid">{}{}{}</g>')
GRID_LINE = Markup('<line x1="44" x2="330" y1="{0:.1f}" y2="{0:.1f}"/>')
BARS = Markup('<g class="bars">{}</g>')
BAR = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>')
DOTS = Markup('<path class="dots s{0}" d="{1}"/><circle class="s{0}" cx="{2}" cy="{3}" r="4"/>')
SPARK = Markup('<svg class="spark" viewBox="0 0 220 56" role="img" aria-label="{}">{}{}</svg>')
RUN = Markup('<polyline points="{}"/>')
DOT = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>')


def charts_of(data: ChartData) -> list[Markup]:
    """The charts of a report."""
    return [
        histogram("Norms", "length of the vector, all passages", data.norms),
        histogram("Nearest neighbours", f"cosine to the nearest other of {len(data.points):,}", data.neighbours),
        scatter("Two principal components", data),
    ]


def histogram(title: str, axis: str, values: Histogram) -> Markup:
    """Bars with their counts over a grid, the axis named below."""
    if not values.total:
        return CHART.format(title, EMPTY)
    inner, tall = WIDTH - LEFT - RIGHT, BOTTOM - TOP
    width, most = inner / len(values.counts), max(values.counts)
    step = (values.high - values.low) / len(values.counts)

    def bar(row: int, count: int) -> Markup:
        low, height = values.low + row * step, max(count / most * tall, 1)
        tip = f"{low:.3g} to {low + step:.3g}: {count:,}"
        return BAR.format(LEFT + row * width, BOTTOM - height, max(width - 1, 1), height, tip)

    bars = _joined(bar(row, count) for row, count in enumerate(values.counts) if count)
    grid = _joined(
        GRID_LINE.format(y) + TEXT.format(LEFT - 6, y + 4, "end", f"{amount:,}")
        for amount in sorted({most, most // 2, 0})
        for y in [BOTTOM - amount / most * tall]
    )
    ticks = _joined(
        TEXT.format(LEFT + share * inner, BOTTOM + 15, anchor, f"{values.low + share * (values.high - values.low):.3g}")
        for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    name = TEXT.format(LEFT + inner / 2, HEIGHT - 8, "middle", axis)
    return CHART.format(title, GRID.format(grid, ticks, name) + BARS.format(bars))


def scatter(title: str, data: ChartData) -> Markup:
    """The sampled passages by kind, the most frequent first, with a legend below."""
    if not data.points:
        return CHART.format(title, EMPTY)
    xs, ys = zip(*data.points, strict=True)
    across = (WIDTH - 2 * RIGHT) / ((max(xs) - min(xs)) or 1)
    up = (BOTTOM - TOP) / ((max(ys) - min(ys)) or 1)

    def series(number: int, kind: str) -> Markup:
        # A path of dots takes a third of the bytes that circles do.
        dots = [
            f"M{RIGHT + (x - min(xs)) * across:.1f} {BOTTOM - (y - min(ys)) * up:.1f}h0"
            for (x, y), own in zip(data.points, data.kinds, strict=True)
            if own == kind
        ]
        row, column = divmod(number, LEGEND_COLUMNS)
        x, y = RIGHT + 6 + column * 112, BOTTOM + 20 + row * 16
        legend = TEXT.format(x, y, "start", f"{kind.replace('_', ' ')} ({len(dots):,})")
        return DOTS.format(number % SERIES, "".join(dots), x - 8, y - 4) + legend

    kinds = sorted(set(data.kinds), key=lambda kind: (-data.kinds.count(kind), kind))
    return CHART.format(title, _joined(series(number, kind) for number, kind in enumerate(kinds)))


def line(
    description: str, values: Sequence[float | None], names: Sequence[str], show: Callable[[float], str], span: float
) -> Markup:
    """A line of the last values; what was not measured is a gap.

    Args:
        description: For readers who do not see it.
        values: In the order of time.
        names: What each stands for, e.g. its date.
        show: How a value is written.
        span: The axis spans at least this much: noise must not look like a fall.
    """
    known = [value for value in values if value is not None]
    if not known:
        return SPARK.format(description, "", TEXT.format(LINE_WIDTH / 2, 32, "middle", "not measured yet"))
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
        dots.append(DOT.format(x, y, 3.5 if place == len(values) - 1 else 1.8, f"{names[place]}: {show(value)}"))
    lines = _joined(RUN.format(" ".join(run)) for run in runs if len(run) > 1)
    return SPARK.format(description, lines, _joined(dots))


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
