"""What a quality report costs next to the embedding that it judges: both of one run, on real issues.

Issues of more than 3,000 characters are left out: a few of them would decide how many passages there are. The report's
seconds are those of its whole asset, from the first query to the plot, in the process that has just embedded.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine, records

SIZES = tuple(int(size) for size in os.environ.get("PRECEDENT_BENCH_SIZES", "500,2000,5500").split(","))
LONGEST = 3_000
TARGET = 0.05
TENANT = "bench-quality"


def main() -> None:
    """Refresh each size as a new source, judge it, and print what both took."""
    table = Table(title=f"Quality report; {machine()}")
    for column in (
        "issues",
        "passages",
        "tokens each",
        "embedding s",
        "report s",
        "share",
        "of it measuring s",
        "texts again",
        "score",
    ):
        table.add_column(column, justify="right")
    precedent("tenant", "add", TENANT)
    for size in SIZES:
        row = refreshed(size)
        vectors, report = row["vectors/embeddings"], row["reports/vector_quality"]
        embedding = vectors["tokens/input"] / max(vectors["rate/tokens_per_s"], 1e-9)
        share = report["report/seconds"] / embedding
        table.add_row(
            f"{size:,}",
            f"{report['vectors/count']:,}",
            f"{vectors['tokens/input'] / report['vectors/count']:.0f}",
            f"{embedding:.1f}",
            f"{report['report/seconds']:.2f}",
            f"{share:.1%}{'' if share < TARGET else ' !'}",
            f"{report['report/measuring_s']:.2f}",
            f"{report['report/embedded_again']:.0f}",
            f"{report['quality/score']:.0f}",
        )
    Console(width=140).print(table)


def refreshed(size: int) -> dict[str, Any]:
    """The metadata of all layers after a first refresh of so many issues."""
    key = f"{TENANT}/issues-{size}"
    precedent("source", "remove", key)  # it may stand from an earlier run
    with tempfile.TemporaryDirectory() as folder:
        with gzip.open(records("jira", "issues.jsonl.gz"), "rt", encoding="utf-8") as lines:
            chosen = [line for line in lines if len(json.loads(line)["fields"].get("description") or "") <= LONGEST]
        (Path(folder) / "issues.jsonl").write_text("".join(chosen[:size]), encoding="utf-8")
        precedent("source", "add", key, folder)
        done = precedent(
            "refresh",
            key,
            "--json",
            "--select",
            "raw",
            "--select",
            "text",
            "--select",
            "vectors",
            "--select",
            "reports",
        )
    precedent("source", "remove", key)  # the next size must not find its vectors there
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)["layers"]
    return found


def precedent(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "orchestration.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
