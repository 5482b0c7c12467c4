"""Charts as SVG text in the page's own colours: no picture to load, sharp at any size, dark where the reader is."""

from collections.abc import Callable, Sequence
from html import escape

from precedent.quality.figures import Figures, Histogram
from precedent.quality.measures import kinds_in_order

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 26
SERIES = 5


def sparkline(
    label: str, values: Sequence[float | None], names: Sequence[str], show: Callable[[float], str], least_span: float
) -> str:
    """A line of the last values, with the first and last value's place marked; what was not measured is a gap.

    Args:
        label: What it shows, for readers who do not see it.
        values: In the order of time.
        names: What each stands for, e.g. its date.
        show: How a value is written.
        least_span: The axis spans at least this much: noise must not look like a fall.
    """
    width, height, edge = 220.0, 56.0, 6.0
    known = [value for value in values if value is not None]
    if not known:
        return '<p class="quiet">not measured yet</p>'
    middle, span = (max(known) + min(known)) / 2, max(max(known) - min(known), least_span)
    step = (width - 2 * edge) / max(len(values) - 1, 1)

    def place(position: int, value: float) -> tuple[float, float]:
        x = edge + position * step if len(values) > 1 else width / 2
        return x, height / 2 - (value - middle) / span * (height - 2 * edge)

    runs: list[list[str]] = [[]]
    dots = []
    for position, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x, y = place(position, value)
        runs[-1].append(f"{x:.1f},{y:.1f}")
        size = 3.5 if position == len(values) - 1 else 1.8
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"><title>{escape(names[position])}: '
            f"{escape(show(value))}</title></circle>"
        )
    lines = "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if len(run) > 1)
    return (
        f'<svg class="spark" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">'
        f"{lines}{''.join(dots)}</svg>"
    )


def histogram(label: str, axis: str, values: Histogram) -> str:
    """Bars with their counts, the axis named below."""
    if not values.total:
        return '<p class="quiet">nothing to show</p>'
    inner, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    bar, most = inner / len(values.counts), max(values.counts)
    step = (values.high - values.low) / len(values.counts)
    parts = []
    for row, count in enumerate(values.counts):
        if count:
            height = max(count / most * tall, 1)
            low = values.low + row * step
            parts.append(
                f'<rect x="{LEFT + row * bar:.1f}" y="{TOP + tall - height:.1f}" width="{max(bar - 1, 1):.1f}" '
                f'height="{height:.1f}"><title>{low:.3g} to {low + step:.3g}: {count:,}</title></rect>'
            )
    ticks = "".join(
        f'<text x="{LEFT + share * inner:.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">'
        f"{values.low + share * (values.high - values.low):.3g}</text>"
        for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{amount:,}</text>'
        for y, amount in ((TOP, most), (TOP + tall / 2, most // 2), (TOP + tall, 0))
        if amount or y == TOP + tall
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'<g class="grid">{grid}{ticks}</g><g class="bars">{"".join(parts)}</g></svg>'
        f'<p class="axis">{escape(axis)}</p>'
    )


def scatter(label: str, figures: Figures) -> str:
    """Points in two principal components, coloured by kind, with a legend."""
    if not figures.points:
        return '<p class="quiet">nothing to show</p>'
    xs, ys = zip(*figures.points, strict=True)
    edge = 8
    across = (WIDTH - 2 * edge) / ((max(xs) - min(xs)) or 1)
    up = (HEIGHT - 2 * edge) / ((max(ys) - min(ys)) or 1)
    groups, legend = [], []
    for index, kind in enumerate(kinds_in_order(figures.kinds)):
        series = f"s{index % SERIES}"
        dots = [
            f'<circle cx="{edge + (x - min(xs)) * across:.1f}" cy="{HEIGHT - edge - (y - min(ys)) * up:.1f}" r="1.9"/>'
            for (x, y), name in zip(figures.points, figures.kinds, strict=True)
            if name == kind
        ]
        groups.append(f'<g class="{series}">{"".join(dots)}</g>')
        legend.append(f'<li><span class="{series}"></span>{escape(kind.replace("_", " "))} ({len(dots):,})</li>')
    return (
        f'<svg class="chart dots" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f'{"".join(groups)}</svg><ul class="legend">{"".join(legend)}</ul>'
    )
