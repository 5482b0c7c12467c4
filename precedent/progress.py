"""How long work reports how far it is."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """A state of some work: `done` of `total` units (None where it is not known), e.g. rows or tokens."""

    stage: str
    done: int
    total: int | None
    rows: int


class Watcher(Protocol):
    """Is told of every step; must be quick."""

    def __call__(self, step: Step) -> None:
        """Take a step's state."""
        ...


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Send the steps of all work inside to a watcher."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class Progress:
    """The progress of one stage: to the watcher at once, to a log every `interval` seconds."""

    def __init__(self, stage: str, total: int | None, log: Callable[[str], None], *, interval: float = 10.0) -> None:
        self.stage, self.total = stage, total
        self.done = self.rows = 0
        self._log, self._interval = log, interval
        self._began = self._logged = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since this stage began."""
        return time.monotonic() - self._began

    @property
    def rate(self) -> float:
        """Rows a second so far."""
        return self.rows / self.seconds if self.seconds > 0 else 0.0

    def advance(self, rows: int, units: int | None = None) -> None:
        """Count rows that are done, and the units (by default the rows) that stand for their work."""
        self.rows += rows
        self.done += rows if units is None else units
        watcher = _watcher.get()
        if watcher is not None:
            watcher(Step(self.stage, self.done, self.total, self.rows))
        now = time.monotonic()
        if now - self._logged >= self._interval:
            self._logged = now
            self._log(self.line())

    def line(self) -> str:
        """One line for people: stage, rows, rate and time left."""
        text = f"{self.stage}: {self.rows:,} rows, {self.rate:,.0f} rows/s"
        if self.total and 0 < self.done < self.total:
            left = self.seconds * (self.total - self.done) / self.done
            text += f", {100 * self.done / self.total:.0f} %, about {left:.0f} s left"
        return text


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of a sequence, each of `size` items, the last perhaps shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
