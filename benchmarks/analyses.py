"""How long the analyses of incidents take one after the other and side by side, of a provider that takes its time."""

import gzip
import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine, records
from orchestration.cli import run
from precedent.database.session import Database
from precedent.incidents.backlog import analyse_backlog
from precedent.providers.base import Capability
from precedent.providers.config.options import CostOptions, PerformanceOptions
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.runtime.factory import open_generator
from precedent.providers.runtime.ledger import CallContext
from precedent.providers.testing.behaviour import Reply, Request, Step
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.sources import repository as sources
from precedent.sources.repository import SourceRow

INCIDENTS, ANSWERS_AFTER_S, ROUNDS = 40, 1.0, 2
AT_ONCE = (1, 2, 4, 8)
ANSWER: dict[str, Any] = {
    "recommendations": [
        {
            "type": "database",
            "priority": "high",
            "title": "Raise the pool's limit",
            "description": "The pool is exhausted, as it was before.",
            "actions": ["Raise max_connections", "Restart"],
            "probable_cause": "A connection leak.",
            "confidence": 0.75,
            "evidence_ids": [],
        }
    ]
}
LAYERS = ("raw", "text", "vectors", "reports")


class Slow(OpenAIWire):
    """OpenAI's wire, which answers after a while."""

    def respond(self, request: Request, step: Step) -> Reply:
        """The answer, after the pause."""
        time.sleep(ANSWERS_AFTER_S)
        return super().respond(request, step)


def main() -> None:
    """Analyse the same incidents several times and print the table."""
    load = os.getloadavg()[0]
    settings, tenant = Settings.from_environment(), f"bench-{uuid4().hex[:8]}"
    table = Table(title=f"{INCIDENTS} analyses, answered after {ANSWERS_AFTER_S:g} s each; {machine()}")
    for column in ("max_concurrency", "s", "analyses/s", "times as quick", "of the provider's pace"):
        table.add_column(column, justify="right")
    database = Database.open(settings)
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(Slow(), answer=ANSWER) as server:
        source = _source(database, tenant, Path(folder))
        taken: dict[int, float] = dict.fromkeys(AT_ONCE, float("inf"))
        for at_once in AT_ONCE * ROUNDS:  # in turns; the quicker of the rounds counts
            _provider(database, settings, tenant, server, at_once)
            taken[at_once] = min(taken[at_once], _seconds(database, settings, source))
        for at_once, seconds in taken.items():
            pace = INCIDENTS * ANSWERS_AFTER_S / at_once / seconds
            row = (f"{seconds:.1f}", f"{INCIDENTS / seconds:.2f}", f"{taken[1] / seconds:.2f}", f"{pace:.2f}")
            table.add_row(str(at_once), *row)
        run(["source", "remove", source.key])
    database.close()
    console = Console(width=110)
    console.print(table)
    console.print(f"Load before it began: {load:.1f} of {os.cpu_count()} cores.")


def _source(database: Database, tenant: str, folder: Path) -> SourceRow:
    """The first real incidents, with their vectors and without analyses."""
    with gzip.open(records("incidents", "statuspage.jsonl.gz"), "rt", encoding="utf-8") as lines:
        (folder / "incidents.jsonl").write_text("".join(itertools.islice(lines, INCIDENTS)), encoding="utf-8")
    key = f"{tenant}/incidents"
    selected = [word for layer in LAYERS for word in ("--select", layer)]
    for command in (["tenant", "add", tenant], ["source", "add", key, str(folder)], ["refresh", key, *selected]):
        if run(command):
            raise SystemExit(1)
    return sources.get(database, key)


def _provider(database: Database, settings: Settings, tenant: str, server: LoopbackServer, at_once: int) -> None:
    wire = Slow()
    provider = Provider(
        name="slow",
        driver="openai",
        capability=Capability.TEXT_GENERATION,
        model="gpt-6-luna",
        base_url=wire.base_url(server.url),
        credentials={"api_key": SecretStr(wire.key)},
        active=True,
        performance=PerformanceOptions(max_concurrency=at_once),
        cost=CostOptions(input_per_million=1, output_per_million=1),
    )
    save(database, settings, tenant, provider, replace=True)


def _seconds(database: Database, settings: Settings, source: SourceRow) -> float:
    generator = open_generator(database, settings, CallContext(source.tenant_id, "etl", source=source.name))
    with database.bulk(source.tenant_id, alone_on=source.id) as connection:
        done = analyse_backlog(
            database,
            connection,
            source,
            generator,
            everything=True,
            retry_fallbacks=True,
            dagster_run_id="benchmark",
            log=print,
        )
    if (done.analysed, done.failed) != (INCIDENTS, 0):
        raise SystemExit(f"{done.failed} of {INCIDENTS} analyses failed.")
    return done.seconds
