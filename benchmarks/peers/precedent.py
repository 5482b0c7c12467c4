"""Precedent's part of `python -m benchmarks peers`: its own commands, a process each, in a tenant of its own."""

import json
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.job import WINDOW
from benchmarks.peers.records import Work, write
from benchmarks.peers.runs import NotMeasuredError, Outcome, Spent, measured
from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.vectors import index as vector_index
from precedent.vectors import space as spaces

TENANT = "bench-peers"
SOURCE = f"{TENANT}/issues"
WARM = f"{TENANT}/warm"
MODES = ("hybrid", "vector")
COUNTS = """
SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(greatest(tokens - %s, 0)), 0) FROM chunks WHERE source_id = %s
"""


def outcome(database: Database, work: Work, folder: Path) -> Outcome:
    """Load, load again, change, load, search; the source is removed at the end.

    Raises:
        NotMeasuredError: a command failed.
    """
    prepare(work, folder)
    path = folder / "precedent.jsonl"
    shutil.copyfile(work.before, path)
    command("source", "add", SOURCE, str(path))
    try:
        first, layers = refreshed(SOURCE)
        passages, tokens, lost, index = counted(database)
        again, _ = refreshed(SOURCE)
        hits = {mode: found(work, folder, mode) for mode in MODES}
        shutil.copyfile(work.after, path)
        changed, _ = refreshed(SOURCE)
    finally:
        command("source", "remove", SOURCE)
    return Outcome(
        "Precedent",
        "window",
        passages,
        tokens,
        lost,
        int(layers["vectors/embeddings"]["tokens/input"]),
        index,
        (first, again, changed),
        hits,
        {"precedent": version("precedent")},
    )


def prepare(work: Work, folder: Path) -> None:
    """An empty tenant, and the model in the engine's form: converted once per machine, as downloading is for others."""
    if TENANT not in command("tenant", "list", "--json"):
        command("tenant", "add", TENANT)
    known = command("source", "list", "--json")
    for source in (SOURCE, WARM):
        if source in known:
            command("source", "remove", source)
    with work.before.open(encoding="utf-8") as lines:
        path = write(folder / "warm.jsonl", [json.loads(next(lines))])
    command("source", "add", WARM, str(path))
    refreshed(WARM)
    command("source", "remove", WARM)


def command(*arguments: str) -> str:
    """What one of Precedent's commands prints."""
    return measured([sys.executable, "-m", "orchestration.cli", *arguments])[0]


def refreshed(source: str) -> tuple[Spent, dict[str, dict[str, Any]]]:
    """Refresh a source up to its vectors; what it cost, and the metadata of the layers."""
    layers = [word for layer in ("raw", "text", "vectors") for word in ("--select", layer)]
    output, seconds, peak = measured([sys.executable, "-m", "orchestration.cli", "refresh", source, "--json", *layers])
    answer = json.loads(output)
    if not answer["success"]:
        raise NotMeasuredError(str(answer["error"]))
    return Spent(seconds, answer["seconds"], peak), answer["layers"]


def counted(database: Database) -> tuple[int, int, int, str]:
    """Passages, their tokens, those beyond the window, and whether the vectors have an index."""
    source = catalog.get(database, SOURCE)
    with database.bulk(source.tenant_id) as connection:
        row = connection.execute(COUNTS, (WINDOW, source.id)).fetchone()
        indexed = vector_index.exists(connection, spaces.active(connection).id)
    passages, tokens, lost = row or (0, 0, 0)
    return int(passages), int(tokens), int(lost), "HNSW" if indexed else "none"


def found(work: Work, folder: Path, mode: str) -> int:
    """Of how many queries something relevant is among the first ten."""
    batch, out = write(folder / "batch.jsonl", asked(work, mode)), folder / "answers.jsonl"
    command("search", "--batch", str(batch), "--out", str(out), "--tenant", TENANT)
    relevant = {query.key: set(query.relevant) for query in work.queries}
    answers = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return sum(any(item["external_id"] in relevant[line["id"]] for item in line["results"]) for line in answers)


def asked(work: Work, mode: str) -> Iterator[dict[str, Any]]:
    """The lines of `search --batch`."""
    for query in work.queries:
        yield {
            "id": query.key,
            "query": query.text,
            "k": 10,
            "mode": mode,
            "kinds": ["issue"],
            "before": query.before,
            "exclude": [query.key],
        }
