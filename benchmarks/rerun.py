"""What a second refresh costs next to the first: statuses, GitHub items and commits, in one run."""

import time

from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine, records
from orchestration.cli import run

SOURCES = ("incidents", "github", "git")


def main() -> None:
    """Refresh twice and print both times."""
    table = Table(title=f"First and second refresh; {machine()}")
    for column in ("source", "first s", "second s", "second / first"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name in SOURCES:
        run(["source", "remove", f"default/bench-{name}"])
        if run(["source", "add", f"bench-{name}", str(records(name))]):
            return
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            if run(["refresh", f"default/bench-{name}"]):
                return
            seconds.append(time.perf_counter() - began)
        table.add_row(name, *(f"{value:.1f}" for value in seconds), f"{seconds[1] / seconds[0]:.3f}")
        run(["source", "remove", f"default/bench-{name}"])
    Console(width=110).print(table)
