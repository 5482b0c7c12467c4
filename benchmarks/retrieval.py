"""How well search finds known duplicates: the Hadoop bug reports, loaded by mapping, asked by `search --batch`.

Every bug report with a known duplicate is a query (its title and description); the duplicate must be found among
the reports created before it, itself excluded. The pairs are split by the hash of the query's id: fusion weights
are chosen on the one half, figures of the other are the honest ones; both and all are printed.
"""

import csv
import gzip
import hashlib
import json
import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine, records
from orchestration.cli import run
from resources.sources.fields import moment

SOURCE = "bench-hadoop"
MAPPING = ["id=Issue id", "title=Summary", "body=Description", "created_at=Created"]
MODES = ("hybrid", "vector", "text")


def pairs() -> dict[str, set[str]]:
    """For each query the ids that count as found: of a pair the later one asks for the earlier."""
    created = {}
    with gzip.open(records("labelled", "hadoop_bugs.jsonl.gz")) as lines:
        for line in lines:
            bug = orjson.loads(line)
            created[bug["Issue id"]] = moment(bug["Created"], "Created") or datetime.now(UTC)
    relevant: dict[str, set[str]] = defaultdict(set)
    with records("labelled", "hadoop_duplicates.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            first, second = row["Issue id"], row["Duplicate id"]
            if first in created and second in created:
                later, earlier = sorted((first, second), key=lambda item: created[item], reverse=True)
                relevant[later].add(earlier)
    return relevant


def queries(relevant: dict[str, set[str]], mode: str) -> list[dict[str, object]]:
    """The batch: title and description, candidates from before, itself left out."""
    found = []
    with gzip.open(records("labelled", "hadoop_bugs.jsonl.gz")) as lines:
        for line in lines:
            bug = orjson.loads(line)
            name = bug["Issue id"]
            if name in relevant:
                before = moment(bug["Created"], "Created")
                found.append(
                    {
                        "id": name,
                        "query": f"{bug['Summary']}\n{bug.get('Description') or ''}",
                        "k": 10,
                        "mode": mode,
                        "before": before.isoformat() if before else None,
                        "exclude": [name],
                    }
                )
    return found


def score(answers: Path, relevant: dict[str, set[str]], chosen: set[str]) -> tuple[float, float, float]:
    """hit@1, hit@10 and MRR@10 over the chosen queries."""
    ranks = []
    for line in answers.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        if answer["id"] in chosen:
            ids = [result["external_id"] for result in answer["results"]]
            ranks.append(next((n for n, item in enumerate(ids, 1) if item in relevant[answer["id"]]), None))
    n = len(ranks) or 1
    return (
        sum(rank == 1 for rank in ranks) / n,
        sum(rank is not None for rank in ranks) / n,
        sum(1 / rank for rank in ranks if rank) / n,
    )


def main() -> None:
    """Load, ask in every mode, print the table."""
    run(["source", "remove", f"default/{SOURCE}"])
    mapped = [word for pair in MAPPING for word in ("--map", pair)]
    if run(["source", "add", SOURCE, str(records("labelled", "hadoop_bugs.jsonl.gz")), *mapped]):
        return
    if run(["refresh", f"default/{SOURCE}"]):
        return
    relevant = pairs()
    held_out = {name for name in relevant if hashlib.sha256(name.encode()).digest()[0] % 2}
    table = Table(title=f"Hadoop duplicates, {len(relevant)} queries; {machine()}")
    for column in ("mode", "queries", "hit@1", "hit@10", "MRR@10"):
        table.add_column(column, justify="left" if column == "mode" else "right")
    with tempfile.TemporaryDirectory() as folder:
        for mode in MODES:
            batch, answers = Path(folder) / "queries.jsonl", Path(folder) / f"{mode}.jsonl"
            batch.write_bytes(b"".join(orjson.dumps(query) + b"\n" for query in queries(relevant, mode)))
            if run(["search", "--batch", str(batch), "--out", str(answers)]):
                return
            for name, chosen in (
                ("all", set(relevant)),
                ("tuning half", set(relevant) - held_out),
                ("held-out half", held_out),
            ):
                figures = [f"{value:.3f}" for value in score(answers, relevant, chosen)]
                table.add_row(f"{mode}, {name}", str(len(chosen)), *figures)
    Console(width=110).print(table)
    run(["source", "remove", f"default/{SOURCE}"])
