"""What the pictures of all reports share: colours, a canvas, axes without a box, and the PNG."""

import io
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID, QUIET = "#1f2937", "#e5e7eb", "#6b7280"
COLOURS = ("#2563eb", "#d97706", "#059669", "#be185d", "#6b7280")


def canvas(width: float, height: float, layout: Literal["constrained"] | None = None) -> "Figure":
    """An empty figure of so many inches, at 80 dots each, that draws without a display.

    Args:
        width: In inches.
        height: In inches.
        layout: `constrained` has the margins computed, which takes as long as to draw everything.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The object interface: pyplot keeps global state, and this runs in worker threads.
    figure = Figure(figsize=(width, height), dpi=80, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def png(figure: "Figure") -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def frame(axes: "Axes", title: str) -> None:
    """Give axes their title and a grid, and take half of the box around them away."""
    axes.set_title(title, color=INK, loc="left")
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
