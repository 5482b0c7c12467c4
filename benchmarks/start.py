"""What commands take of the processor, next to `import dagster`, on the records of the demo."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine
from precedent.database.session import Database
from precedent.settings import Settings

ROUNDS = 5
COMMANDS = (
    ("--help",),
    ("source", "list"),
    ("usage",),
    ("search", "--mode", "text", "connection pool"),
    ("refresh", "default/harbor-lane"),
)
PRECEDENT = (sys.executable, "-m", "orchestration.cli")


def main() -> None:
    """A table of CPU seconds, the median of some rounds; the database runs meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PRECEDENT_HOME": folder}
        subprocess.run([*PRECEDENT, "demo"], env=environment, check=True, capture_output=True)
        database = Database.open(Settings(home=Path(folder)))
        try:
            base = seconds((sys.executable, "-c", "import dagster"), environment)
            table = Table(title=f"CPU seconds of a process, median of {ROUNDS}; {machine()}")
            for column in ("process", "CPU s", "to import dagster"):
                table.add_column(column, justify="left" if column == "process" else "right")
            table.add_row("import dagster", f"{base:.2f}", "1")
            for command in COMMANDS:
                taken = seconds((*PRECEDENT, *command), environment)
                table.add_row(f"precedent {' '.join(command)}", f"{taken:.2f}", f"{taken / base:.2f}")
            Console(width=130).print(table)
        finally:
            database.close()


def seconds(command: tuple[str, ...], environment: dict[str, str]) -> float:
    """The median CPU time of a process and of the processes that it waited for."""
    taken = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken)
