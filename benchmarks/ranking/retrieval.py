"""How well search finds what is known to belong together: three labelled sets, against BM25, TF-IDF and one vector.

`labelled.py` says what the sets are and how they are measured, `references.py` what search is compared with. The
platform's own answers come from `precedent search --batch`.
"""

import json
import tempfile
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.ranking.labelled import LabelledSet, load
from benchmarks.ranking.references import REFERENCES, found_by
from benchmarks.setting import machine
from orchestration.cli import run

MODES = {"vector": "vector leg", "text": "text leg", "hybrid": "hybrid"}


def main() -> None:
    """Load, ask, and print a table a set."""
    sets = load()
    console = Console(width=120)
    console.print(f"{machine()}\nhit@1, hit@10 and MRR@10 over all queries, the tuning half and the held-out half")
    for labelled in sets:
        answers = {name: found_by(labelled, scores(labelled)) for name, scores in REFERENCES.items()}
        answers |= {label: ask(labelled, mode) for mode, label in MODES.items()}
        console.print(table(labelled, answers))


def table(labelled: LabelledSet, answers: dict[str, dict[str, list[str]]]) -> Table:
    """A row a method, three columns a half."""
    halves = labelled.halves()
    sizes = ", ".join(f"{len(chosen)} {half}" for half, chosen in halves.items())
    found = Table(title=f"{labelled.name}: {sizes} queries, {len(labelled.candidates):,} candidates")
    found.add_column("")
    for half in halves:
        for measure in ("hit@1", "hit@10", "MRR"):
            found.add_column(f"{half}\n{measure}", justify="right")
    for name, answer in answers.items():
        figures = [value for chosen in halves.values() for value in labelled.score(answer, chosen)]
        found.add_row(name, *(f"{value:.3f}" for value in figures))
    return found


def ask(labelled: LabelledSet, mode: str, k: int = 10) -> dict[str, list[str]]:
    """The first k ids for each query, by `precedent search --batch`."""
    return {name: [str(item["external_id"]) for item in items] for name, items in answers_of(labelled, mode, k).items()}


def answers_of(labelled: LabelledSet, mode: str, k: int) -> dict[str, list[dict[str, object]]]:
    """The results for each query; ends the program where the command fails."""
    with tempfile.TemporaryDirectory() as folder:
        batch, out = Path(folder) / "queries.jsonl", Path(folder) / "answers.jsonl"
        batch.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in labelled.batch(mode, k)))
        if run(["search", "--batch", str(batch), "--out", str(out), "--tenant", labelled.tenant]):
            raise SystemExit(f"{labelled.name} could not be searched.")
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return {line["id"]: line["results"] for line in lines}
