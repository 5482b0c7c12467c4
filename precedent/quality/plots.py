"""One picture of a report, for the Dagster UI."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from precedent.figure import COLOURS, INK, QUIET, canvas, frame, png
from precedent.quality.figures import Figures, Histogram
from precedent.quality.labels import plain
from precedent.quality.measures import kinds_in_order
from precedent.quality.repository import Point
from precedent.quality.score import Gate, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GOOD, BAD, UNKNOWN = "#059669", "#dc2626", "#9ca3af"
LONGEST = 52


def quality_figure(title: str, verdict: Verdict, figures: Figures, history: Sequence[Point]) -> bytes:
    """A PNG of the gates, the trend, the norms, the nearest neighbours' cosines and a projection by kind.

    Args:
        title: What was measured.
        verdict: The gates.
        figures: The histograms and the projection.
        history: The last reports, the oldest first, this one among them.
    """
    figure = canvas(14.4, 7.2)
    figure.suptitle(
        f"{title}: {verdict.score:.0f} of 100", color=INK if verdict.passed else BAD, fontsize=14, weight="bold"
    )
    # Margins by hand: to have them computed takes as long as to draw everything.
    grid = figure.add_gridspec(
        2, 3, width_ratios=(1.35, 1, 1), left=0.02, right=0.985, top=0.89, bottom=0.12, wspace=0.2, hspace=0.42
    )
    _gates(figure.add_subplot(grid[:, 0]), verdict)
    _histogram(figure.add_subplot(grid[0, 1]), figures.norms, "Norms", "length of the vector")
    _histogram(
        figure.add_subplot(grid[1, 1]), figures.neighbours, "Nearest neighbours", "cosine to the nearest other passage"
    )
    _projection(figure.add_subplot(grid[0, 2]), figures)
    _trend(figure.add_subplot(grid[1, 2]), history)
    return png(figure)


def _gates(axes: "Axes", verdict: Verdict) -> None:
    axes.set_title("Gates", color=INK, loc="left")
    axes.axis("off")
    for row, gate in enumerate(verdict.gates):
        y = 1 - (row + 0.7) / (len(verdict.gates) + 0.4)
        colour = UNKNOWN if gate.passed is None else GOOD if gate.passed else BAD
        # A shape too: red and green are one colour to some.
        shape = "X" if gate.passed is False else "o"
        axes.scatter([0.02], [y], s=46, color=colour, marker=shape, transform=axes.transAxes, clip_on=False)
        axes.text(0.07, y, plain(gate.name), va="center", color=INK, transform=axes.transAxes)
        axes.text(0.99, y, _figures(gate), va="center", ha="right", color=QUIET, fontsize=9, transform=axes.transAxes)


def _figures(gate: Gate) -> str:
    """What there is room for beside a gate's name: details only of what failed."""
    if gate.passed is None:
        return "not measured"
    text = gate.reason if not gate.passed else gate.reason.split(":", 1)[0]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _histogram(axes: "Axes", values: Histogram, title: str, label: str) -> None:
    frame(axes, title)
    axes.set_xlabel(label, color=INK)
    if not values.total:
        axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=INK, transform=axes.transAxes)
        return
    edges = np.linspace(values.low, values.high, len(values.counts) + 1)
    axes.stairs(values.counts, edges, fill=True, color=COLOURS[0])
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlim(values.low, values.high)
    axes.set_ylabel("passages", color=INK)


def _projection(axes: "Axes", figures: Figures) -> None:
    frame(axes, "Two principal components")
    axes.set_xticks([])
    axes.set_yticks([])
    points, names = np.array(figures.points).reshape(-1, 2), np.array(figures.kinds)
    for index, kind in enumerate(kinds_in_order(figures.kinds)):
        chosen = points[names == kind]
        colour = COLOURS[index % len(COLOURS)]
        label = f"{kind.replace('_', ' ')} ({len(chosen):,})"
        axes.scatter(chosen[:, 0], chosen[:, 1], s=7, color=colour, alpha=0.55, linewidths=0, label=label)
    if len(names):
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, markerscale=2)


def _trend(axes: "Axes", history: Sequence[Point]) -> None:
    frame(axes, f"Last {len(history)} reports" if len(history) > 1 else "First report")
    axes.set_ylim(-0.03, 1.05)
    axes.set_xticks([])
    lines: tuple[tuple[str, list[float | None]], ...] = (
        ("score / 100", [point.score / 100 for point in history]),
        ("canary", [point.canary_mean for point in history]),
        ("title to body", [point.mrr for point in history]),
        ("recall", [point.recall for point in history]),
    )
    for (name, values), colour in zip(lines, COLOURS, strict=False):
        drawn = [np.nan if value is None else value for value in values]
        axes.plot(drawn, color=colour, linewidth=1.6, marker="o", markersize=3, label=name, alpha=0.85)
    if history:
        axes.set_xlim(-0.5, len(history) - 0.5)
        axes.legend(
            frameon=False,
            fontsize=8,
            loc="upper center",
            bbox_to_anchor=(0.48, -0.02),
            ncols=4,
            handlelength=1.2,
            columnspacing=1,
        )
