"""Raw records to indexed vectors, next to what the engine alone does with the same passages: the real Jira issues."""

import random
import time

from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine, records
from orchestration.cli import run
from precedent.database.session import Database
from precedent.settings import Settings
from precedent.sources import repository as catalog
from precedent.vectors.engine.backend_selection import EngineRequest, open_engine
from precedent.vectors.engine.model_files import resolve

SAMPLE = 4_000
LAYERS = ("raw", "text", "vectors")


def main() -> None:
    """Load the issues into an empty source, then embed a sample of the very passages with the engine alone."""
    run(["source", "remove", "default/bench-jira"])
    if run(["source", "add", "bench-jira", str(records("jira"))]):
        return
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        if run(["refresh", "default/bench-jira", *(word for layer in LAYERS for word in ("--select", layer))]):
            return
        seconds.append(time.perf_counter() - began)
    database, settings = Database.open(), Settings.from_environment()
    source = catalog.get(database, "default/bench-jira")
    with database.bulk(source.tenant_id) as connection:
        rows = connection.execute(
            "SELECT DISTINCT ON (content_hash) text, tokens FROM chunks WHERE source_id = %s", (source.id,)
        ).fetchall()
        documents = connection.execute("SELECT count(*) FROM documents WHERE source_id = %s", (source.id,)).fetchone()
    count = documents[0] if documents else 0
    total = sum(tokens for _, tokens in rows)
    sample = random.Random(1).sample(rows, min(SAMPLE, len(rows)))  # noqa: S311 - a sample
    engine = open_engine(resolve(settings), EngineRequest(), settings.model_cache)
    began = time.perf_counter()
    engine.encode([text for text, _ in sample])
    alone = sum(tokens for _, tokens in sample) / (time.perf_counter() - began)
    rate = total / seconds[0]
    table = Table(title=f"{count:,} issues, {len(rows):,} distinct passages, {total:,} tokens; {machine()}")
    for column in (
        "engine",
        "engine alone tokens/s",
        "end to end tokens/s",
        "end to end / engine",
        "first s",
        "again s",
        "documents/s again",
    ):
        table.add_column(column, justify="right")
    table.add_row(
        f"{engine.backend} {engine.precision}",
        f"{alone:,.0f}",
        f"{rate:,.0f}",
        f"{rate / alone:.2f}",
        f"{seconds[0]:.1f}",
        f"{seconds[1]:.2f}",
        f"{count / seconds[1]:,.0f}",
    )
    Console(width=140).print(table)
    run(["source", "remove", "default/bench-jira"])
    database.close()
