"""One picture of a set of vectors, for the Dagster UI."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assets.reports.measures import kinds_in_order
from assets.reports.score import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GRID = "#1f2937", "#e5e7eb"
COLOURS = ("#2563eb", "#d97706", "#059669", "#be185d", "#6b7280")
GOOD, BAD, UNKNOWN = "#059669", "#dc2626", "#9ca3af"


def quality_figure(
    title: str,
    verdict: Verdict,
    norms: NDArray[np.float32],
    neighbours: NDArray[np.float32],
    points: NDArray[np.float32],
    kinds: Sequence[str],
) -> bytes:
    """A PNG of the gates, the norms, the nearest neighbours' cosines and a projection by kind.

    Args:
        title: What was measured.
        verdict: The gates.
        norms: Shape (n,), of all vectors.
        neighbours: Shape (m,), each sampled vector's cosine to its nearest other.
        points: Shape (m, 2), the sample's first two principal components.
        kinds: The sampled documents' kinds, m of them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The object interface: pyplot keeps global state, and this runs in worker threads.
    figure = Figure(figsize=(10.4, 7.2), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.14, h_pad=0.14)  # type: ignore[union-attr, call-arg]
    figure.suptitle(
        f"{title}: {verdict.score:.0f} of 100", color=INK if verdict.passed else BAD, fontsize=14, weight="bold"
    )
    axes = figure.subplots(2, 2)
    _gates(axes[0, 0], verdict)
    _histogram(axes[0, 1], norms, "Norms", "length of the vector", None)
    _histogram(axes[1, 0], neighbours, "Nearest neighbours", "cosine to the nearest other passage", (0, 1.02))
    _projection(axes[1, 1], points, kinds)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _gates(axes: "Axes", verdict: Verdict) -> None:
    axes.set_title("Gates", color=INK, loc="left")
    axes.axis("off")
    for row, gate in enumerate(verdict.gates):
        y = 1 - (row + 0.7) / (len(verdict.gates) + 0.4)
        colour = UNKNOWN if gate.passed is None else GOOD if gate.passed else BAD
        axes.scatter([0.02], [y], s=46, color=colour, transform=axes.transAxes, clip_on=False)
        axes.text(0.07, y, gate.name.replace("_", " "), va="center", color=INK, transform=axes.transAxes)
        text = gate.reason if gate.passed is not None else "not measured"
        axes.text(0.99, y, text, va="center", ha="right", color="#6b7280", fontsize=9, transform=axes.transAxes)


def _histogram(
    axes: "Axes", values: NDArray[np.float32], title: str, label: str, limits: tuple[float, float] | None
) -> None:
    axes.set_title(title, color=INK, loc="left")
    _frame(axes)
    axes.set_xlabel(label, color=INK)
    finite = values[np.isfinite(values)]
    if not len(finite):
        axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=INK, transform=axes.transAxes)
        return
    low, high = limits or (float(finite.min()), float(finite.max()))
    if limits is None:
        middle, spread = (low + high) / 2, max(high - low, 0.02)
        low, high = middle - spread, middle + spread
    axes.hist(finite, bins=40, range=(low, high), color=COLOURS[0], edgecolor="white", linewidth=0.5)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlim(low, high)
    axes.set_ylabel("passages", color=INK)


def _projection(axes: "Axes", points: NDArray[np.float32], kinds: Sequence[str]) -> None:
    axes.set_title("Two principal components", color=INK, loc="left")
    _frame(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    names = np.array(kinds)
    for index, kind in enumerate(kinds_in_order(kinds)):
        chosen = points[names == kind]
        colour = COLOURS[index % len(COLOURS)]
        label = f"{kind.replace('_', ' ')} ({len(chosen):,})"
        axes.scatter(chosen[:, 0], chosen[:, 1], s=7, color=colour, alpha=0.55, linewidths=0, label=label)
    if len(kinds):
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, markerscale=2)


def _frame(axes: "Axes") -> None:
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
