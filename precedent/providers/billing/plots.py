"""One picture of what calls cost, for the Dagster UI and the command line."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from precedent.figure import COLOURS, INK, QUIET, canvas, frame, png
from precedent.providers.billing.usage import Cell, Figures, Line, money

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# One colour for each of the dearest, the last for all others together.
NAMED = len(COLOURS) - 1
LATENCIES_SHOWN = 8
LONGEST_NAME, LONGEST_LEGEND = 30, 110
TOKENS = (("input", "#9ca3af"), ("cached input", "#d1d5db"), ("output", INK))
# More bars than these are thinner than the lines between them.
MOST_BARS = 92
WIDE, NARROW = 8, 5
SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Bars:
    """The bars of a period: a day each, or as many as keep them wide enough to be seen."""

    first: date
    width: int
    count: int

    @classmethod
    def of(cls, days: Sequence[date]) -> "Bars":
        """The bars of these days, which follow each other."""
        width = next((size for size in (1, 7, 28) if len(days) <= size * MOST_BARS), -(-len(days) // MOST_BARS))
        return cls(days[0], width, -(-len(days) // width))

    @property
    def each(self) -> str:
        """What one bar stands for."""
        return {1: "per day", 7: "per week"}.get(self.width, f"per {self.width} days")

    def sums(self, values: Iterable[tuple[date, float]]) -> list[float]:
        """One sum a bar."""
        found = [0.0] * self.count
        for day, value in values:
            place = (day - self.first).days // self.width
            if 0 <= place < self.count:
                found[place] += value
        return found

    def start(self, place: int) -> date:
        """A bar's first day."""
        return self.first + timedelta(days=place * self.width)


@dataclass(frozen=True, slots=True)
class Latency:
    """The latency of a provider's successful calls, in ms."""

    provider: str
    calls: int
    median_ms: float
    p95_ms: float


def latencies_of(lines: Iterable[Line], prefix: str = "") -> list[Latency]:
    """The latencies of lines by provider that had an answer; the prefix tells tenants apart."""
    return [
        Latency(f"{prefix}{line.key}", line.figures.calls, line.median_ms, line.p95_ms)
        for line in lines
        if line.median_ms is not None and line.p95_ms is not None
    ]


def usage_figure(title: str, days: Sequence[date], cells: Sequence[Cell], latencies: Sequence[Latency]) -> bytes:
    """A PNG of the cost per day by provider, the tokens per day and the latency by provider.

    Args:
        title: Whose usage.
        days: Every day of the period, in order; those without calls stay empty.
        cells: The usage; `provider` is what it is called in the picture.
        latencies: By the same names.
    """
    figure = canvas(10.4, 7.2, "constrained")
    figure.get_layout_engine().set(w_pad=0.14, h_pad=0.14)  # type: ignore[union-attr, call-arg]
    total = sum((cell.figures for cell in cells), Figures())
    figure.suptitle(f"{title}: {_summary(total)}", color=INK, fontsize=14, weight="bold")
    if not total.calls:
        figure.text(0.5, 0.5, "nothing yet", ha="center", va="center", color=QUIET, fontsize=20)
    else:
        axes = figure.subplot_mosaic([["cost", "cost"], ["tokens", "latency"]])
        colours, bars = colours_of(cells), Bars.of(days)
        _cost(axes["cost"], bars, cells, colours, total)
        _tokens(axes["tokens"], bars, cells)
        _latency(axes["latency"], latencies, colours)
    return png(figure)


def colours_of(cells: Iterable[Cell]) -> dict[str, str]:
    """A colour by provider, the dearest first; those beyond the palette share the last."""
    totals: dict[str, Figures] = {}
    for cell in cells:
        totals[cell.provider] = totals.get(cell.provider, Figures()) + cell.figures
    order = sorted(totals, key=lambda name: (-totals[name].known_usd, -totals[name].calls, name))
    return {name: COLOURS[min(place, NAMED)] for place, name in enumerate(order)}


def _summary(total: Figures) -> str:
    if not total.calls:
        return "no calls"
    if total.cost_usd is None:
        said = "no known cost"
    else:
        said = f"{total.known_usd:,.2f} USD" if total.known_usd >= 1 else f"{money(round(total.known_usd, 6))} USD"
    return f"{said} for {total.calls:,} call{'' if total.calls == 1 else 's'}"


def _cost(axes: "Axes", bars: Bars, cells: Sequence[Cell], colours: Mapping[str, str], total: Figures) -> None:
    _frame(axes, f"Cost {bars.each}, USD")
    if total.unpriced_calls:
        note = f"{total.unpriced_calls:,} unpriced call{'' if total.unpriced_calls == 1 else 's'} not in it"
        axes.set_title(note, color=QUIET, loc="right", fontsize=9)
    if not total.known_usd:
        said = "no call has a known price" if total.cost_usd is None else "every call was free"
        _say(axes, said)
        _days(axes, bars, WIDE)
        return
    used = list(colours.values())
    alone = [name for name, colour in colours.items() if used.count(colour) == 1]
    others = f"{len(colours) - len(alone)} others"
    found: dict[str, list[tuple[date, float]]] = {name: [] for name in (*alone, others)}
    for cell in cells:
        found[cell.provider if cell.provider in alone else others].append((cell.day, float(cell.figures.known_usd)))
    series = [
        (short(name), colours.get(name, COLOURS[-1]), bars.sums(values)) for name, values in found.items() if values
    ]
    _stacked(axes, bars, series, _amount, WIDE)


def _tokens(axes: "Axes", bars: Bars, cells: Sequence[Cell]) -> None:
    _frame(axes, f"Tokens {bars.each}")
    parts = (
        bars.sums((cell.day, max(0, cell.figures.input_tokens - cell.figures.cached_tokens)) for cell in cells),
        bars.sums((cell.day, cell.figures.cached_tokens) for cell in cells),
        bars.sums((cell.day, cell.figures.output_tokens) for cell in cells),
    )
    series = [(name, colour, part) for (name, colour), part in zip(TOKENS, parts, strict=True) if any(part)]
    if series:
        _stacked(axes, bars, series, _count, NARROW)
    else:
        _say(axes, "no tokens were counted")
        _days(axes, bars, NARROW)


def _latency(axes: "Axes", latencies: Sequence[Latency], colours: Mapping[str, str]) -> None:
    chosen = sorted(latencies, key=lambda item: -item.calls)[:LATENCIES_SHOWN]
    title = "Latency, median to 95th percentile"
    if len(latencies) > len(chosen):
        title += f" ({len(chosen)} of {len(latencies)})"
    _frame(axes, title)
    if not chosen:
        _say(axes, "no call succeeded")
        axes.set_xticks([])
        return
    for row, item in enumerate(chosen):
        colour = colours.get(item.provider, COLOURS[-1])
        low, high = max(item.median_ms, 0.01), max(item.p95_ms, item.median_ms, 0.01)
        axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="round")
        axes.scatter([low, high], [row, row], s=40, color=[colour, "white"], edgecolors=colour, zorder=3)
        text = f"{_time(low)} – {_time(high)}"
        axes.annotate(
            text,
            (high, row),
            (8, 0),
            textcoords="offset points",
            va="center",
            color=QUIET,
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
    low = min(max(item.median_ms, 0.01) for item in chosen)
    high = max(max(item.p95_ms, item.median_ms, 0.01) for item in chosen)
    # A rule takes a millisecond and a large model ten seconds; the room on the right is for the figures.
    axes.set_xscale("log")
    start = 10.0 ** math.floor(math.log10(0.9 * low))
    axes.set_xlim(start, max(11 * start, start * (high / start) ** 1.55))
    axes.xaxis.set_major_formatter(lambda value, _: _time(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set_ylim(len(chosen) - 0.4, -0.6)
    axes.set_yticks(range(len(chosen)), [short(item.provider) for item in chosen])


def _stacked(
    axes: "Axes", bars: Bars, series: Sequence[tuple[str, str, list[float]]], form: Callable[[float], str], most: int
) -> None:
    from matplotlib.ticker import FuncFormatter

    floor = [0.0] * bars.count
    for name, colour, values in series:
        axes.bar(
            range(bars.count),
            values,
            bottom=floor,
            width=0.82,
            color=colour,
            label=name,
            edgecolor="white",
            linewidth=0.5 if bars.count <= 62 else 0,
        )
        floor = [a + b for a, b in zip(floor, values, strict=True)]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    axes.set_ylim(0, max(floor) * 1.06)
    _days(axes, bars, most)
    rows = 2 if sum(len(name) for name, *_ in series) > LONGEST_LEGEND else 1
    axes.legend(
        frameon=False,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.1),
        ncols=-(-len(series) // rows),
        handlelength=1,
        columnspacing=1.4,
    )


def _days(axes: "Axes", bars: Bars, most: int) -> None:
    places = range(0, bars.count, max(1, -(-bars.count // most)))
    form = "%d %b" if bars.start(0).year == bars.start(bars.count - 1).year else "%d %b %y"
    axes.set_xticks(list(places), [bars.start(place).strftime(form) for place in places])
    axes.set_xlim(-0.6, bars.count - 0.4)


def _say(axes: "Axes", words: str) -> None:
    axes.text(0.5, 0.5, words, ha="center", va="center", color=QUIET, transform=axes.transAxes)
    axes.grid(visible=False)
    axes.set_yticks([])


def _frame(axes: "Axes", title: str) -> None:
    frame(axes, title)
    axes.tick_params(colors=INK, labelsize=9)


def short(name: str) -> str:
    """A name that fits beside an axis; what is cut out is in the middle."""
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _amount(value: float) -> str:
    return f"{value:,.10f}".rstrip("0").rstrip(".")


def _count(value: float) -> str:
    for size, letter in SCALES:
        if value >= size:
            return f"{value / size:g} {letter}"
    return f"{value:g}"


def _time(ms: float) -> str:
    if ms >= 100_000:
        return f"{ms / 1_000:,.0f} s"
    return f"{ms / 1_000:.3g} s" if ms >= 1_000 else f"{ms:.3g} ms"
