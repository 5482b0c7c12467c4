"""Time, memory and disk from 1,000 to 100,000 documents, by the platform's own command in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.scale import corpus
from benchmarks.setting import machine
from precedent.database.session import Database

SIZES = tuple(int(size) for size in os.environ.get("PRECEDENT_BENCH_SIZES", "1000,10000,100000").split(","))


@dataclass(frozen=True, slots=True)
class Run:
    """One refresh: seconds inside the run, peak memory in MB, tokens and the seconds that their vectors took."""

    inside: float
    peak_mb: float
    tokens: int
    vectors_s: float


def main() -> None:
    """Load each size into a tenant of its own, twice, and print what it took; the tenants stay for other benchmarks."""
    table = Table(title=f"Growth; {machine()}")
    for column in (
        "documents",
        "first s",
        "docs/s",
        "tokens/s",
        "peak MB",
        "again s",
        "docs/s again",
        "peak MB again",
        "database MB",
        "kB/document",
    ):
        table.add_column(column, justify="right")
    database = Database.open()
    for size in SIZES:
        load(size)  # the tenant may stand from an earlier run
        precedent("source", "remove", f"bench-{size}/corpus")
        before = megabytes(database)
        with tempfile.TemporaryDirectory() as folder:
            path = corpus.write(Path(folder) / "issues.jsonl", size)
            precedent("source", "add", f"bench-{size}/corpus", str(path))
            first = refreshed(size)
            again = refreshed(size)
        grown = megabytes(database) - before
        table.add_row(
            f"{size:,}",
            f"{first.inside:.1f}",
            f"{size / first.inside:,.0f}",
            f"{first.tokens / max(first.vectors_s, 1e-9):,.0f}",
            f"{first.peak_mb:,.0f}",
            f"{again.inside:.2f}",
            f"{size / again.inside:,.0f}",
            f"{again.peak_mb:,.0f}",
            f"{grown:,.0f}",
            f"{1024 * grown / size:.1f}",
        )
    Console(width=140).print(table)
    database.close()


def load(size: int) -> None:
    """A tenant of this size."""
    precedent("tenant", "add", f"bench-{size}")


def precedent(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "orchestration.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refreshed(size: int) -> Run:
    """Refresh the tenant's source by a process of its own, whose memory it is."""
    command = [
        sys.executable,
        "-m",
        "orchestration.cli",
        "refresh",
        f"bench-{size}/corpus",
        "--json",
        "--select",
        "raw",
        "--select",
        "text",
        "--select",
        "vectors",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        output = process.stdout.read() if process.stdout else ""
        _, _, usage = os.wait4(process.pid, 0)
    outcome = json.loads(output)
    if not outcome["success"]:
        sys.exit(outcome["error"])
    vectors = outcome["layers"]["vectors/embeddings"]
    seconds = vectors["tokens/input"] / vectors["rate/tokens_per_s"] if vectors["rate/tokens_per_s"] else 0.0
    return Run(outcome["seconds"], usage.ru_maxrss / 1024, vectors["tokens/input"], seconds)


def megabytes(database: Database) -> float:
    """The size of the platform's own database."""
    dsn = database.endpoints.owner.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return row[0] / 2**20 if row else 0.0
