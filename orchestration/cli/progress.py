"""How far long work is: bars on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.cli import output
from precedent.progress import Step, watched_by

if TYPE_CHECKING:
    from rich.progress import TaskID

INTERVAL_S = 5.0


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[None]:
    """Show the progress of all work inside.

    Args:
        quiet: Show nothing: the command prints JSON.
    """
    if quiet:
        yield
    elif output.console().is_terminal:
        with _bars():
            yield
    else:
        with watched_by(_Lines()):
            yield


@contextmanager
def _bars() -> Iterator[None]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>14}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=output.console()) as bars:
        tasks: dict[str, TaskID] = {}
        began: dict[str, float] = {}

        def show(step: Step) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(step.stage, total=step.total, rate="")
                began[step.stage] = time.monotonic()
            seconds = max(time.monotonic() - began[step.stage], 0.1)
            bars.update(tasks[step.stage], completed=step.done, rate=f"{step.rows / seconds:,.0f} rows/s")

        with watched_by(show):
            yield


class _Lines:
    """Plain lines for logs and pipes: one every few seconds and one at the end of a stage."""

    def __init__(self) -> None:
        self.shown: dict[str, float] = {}
        self.began: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        began = self.began.setdefault(step.stage, now)
        complete = step.total is not None and step.done >= step.total
        if not complete and now - self.shown.get(step.stage, began) < INTERVAL_S:
            return
        self.shown[step.stage] = now
        seconds = max(now - began, 0.1)
        text = f"{step.stage}: {step.rows:,} rows, {step.rows / seconds:,.0f} rows/s"
        if step.total and not complete:
            left = seconds * (step.total - step.done) / max(step.done, 1)
            text += f", {100 * step.done / step.total:.0f} %, about {left:.0f} s left"
        output.note(text)
