"""The same job by Precedent, LangChain, LlamaIndex and CocoIndex: raw Jira issues to vectors in the same PostgreSQL.

All use the same files of all-MiniLM-L6-v2, on the processor. Every load is a process of its own: the first one, one
with nothing changed, one with a hundredth of the issues changed. The peers run in an environment of their own and in a
fresh database each, once cut as their documentation does it and once into passages that the model reads whole; their
scripts say with what settings. `PRECEDENT_BENCH_PEERS` is the number of issues.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import psycopg
from psycopg import sql
from rich.console import Console
from rich.table import Table

from benchmarks.peers.comparison import environment as peers_environment
from benchmarks.peers.comparison import precedent as peers_precedent
from benchmarks.peers.job import Cut, Job, Phase
from benchmarks.peers.records import Work, prepare
from benchmarks.peers.runs import NotMeasuredError, Outcome, Spent, last_line, measured
from benchmarks.setting import machine
from precedent.database.session import Database
from precedent.security.redaction import register_secret
from precedent.settings import Settings
from precedent.vectors.engine.model_files import resolve

SIZE = os.environ.get("PRECEDENT_BENCH_PEERS", "2000")
SCRIPTS = {"LangChain": "langchain", "LlamaIndex": "llamaindex", "CocoIndex": "cocoindex"}
COLUMNS = (
    "tool",
    "cut",
    "passages",
    "tokens",
    "lost",
    "index",
    "first s",
    "ratio",
    "read tokens/s",
    "again s (work)",
    "changed s (work)",
    "peak MB",
    "hit@10",
)


def main() -> None:
    """Measure one tool after the other and print a table; a tool that fails is a row with its reason."""
    if not (peers_environment.ready() or "peers" in sys.argv[1:]):
        print("peers: left out, its environment is not installed; `python -m benchmarks peers` makes it.")
        return
    if not SIZE.isdigit() or int(SIZE) < 1:
        sys.exit(f"PRECEDENT_BENCH_PEERS must be a positive number of issues, not {SIZE!r}: correct it.")
    database = Database.open()
    with tempfile.TemporaryDirectory() as folder:
        work = prepare(Path(folder), int(SIZE))
        try:
            ours = peers_precedent.outcome(database, work, Path(folder))
        except NotMeasuredError as error:
            sys.exit(f"Precedent could not be measured: {error}.")
        theirs = list(peers(database, work, Path(folder)))
    database.close()
    show(work, [ours, *theirs])


def peers(database: Database, work: Work, folder: Path) -> Iterator[Outcome | tuple[str, str, str]]:
    """Each peer's outcome, or its name, its way of cutting and why it has none."""
    for cut in get_args(Cut):
        for tool in SCRIPTS:
            print(f"peers: {tool}, {cut} ...", file=sys.stderr, flush=True)
            try:
                yield outcome(tool, cut, peers_environment.python(), database, work, folder)
            except NotMeasuredError as error:
                yield tool, cut, str(error)


def outcome(tool: str, cut: Cut, python: Path, database: Database, work: Work, folder: Path) -> Outcome:
    """One peer in a fresh database.

    Raises:
        NotMeasuredError: its script failed.
    """
    model = resolve(Settings.from_environment()).folder
    state = folder / "state"
    command = [str(python), "-m", f"benchmarks.peers.{SCRIPTS[tool]}"]
    runs: list[Spent] = []
    answer: dict[str, Any] = {}
    state.mkdir()
    try:
        with fresh_database(database) as url:
            for phase in get_args(Phase):
                issues = work.after if phase == "changed" else work.before
                job = Job(phase, cut, issues, work.asked, model, state, url)
                output, seconds, peak = measured(command, json.dumps(asdict(job), default=str) + "\n")
                said = last_line(output)
                if phase == "ask":
                    answer = said
                else:
                    runs.append(Spent(seconds, said["seconds"], peak))
    finally:
        shutil.rmtree(state)
    first, again, changed = runs
    read = answer["tokens"] - answer["lost"]
    return Outcome(
        tool,
        cut,
        answer["passages"],
        answer["tokens"],
        answer["lost"],
        read,
        "HNSW",
        (first, again, changed),
        {"vector": answer["hits"]},
        answer["versions"],
    )


@contextmanager
def fresh_database(database: Database) -> Iterator[str]:
    """The URL of a new database with pgvector on Precedent's server; it is dropped at the end.

    Raises:
        NotMeasuredError: the owner may not make one.
    """
    owner = database.endpoints.owner.set(drivername="postgresql")
    if owner.password:
        register_secret(str(owner.password))
    name = "precedent_peers"  # always the same, so that what a killed run left is dropped by the next one
    url = owner.set(database=name).render_as_string(hide_password=False)
    try:
        with psycopg.connect(owner.render_as_string(hide_password=False), autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                with psycopg.connect(url, autocommit=True) as inside:
                    inside.execute("CREATE EXTENSION vector")
                yield url
            finally:
                connection.execute(drop)
    except psycopg.Error as error:
        raise NotMeasuredError(f"no fresh database ({error}): let the owner of Precedent's database make one") from None


def show(work: Work, rows: list[Outcome | tuple[str, str, str]]) -> None:
    """The table, the reasons of those without figures, the versions."""
    console = Console(width=170)
    table = Table(title=f"{work.issues:,} Jira issues to vectors, {len(work.queries)} queries; {machine()}")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("tool", "cut", "index") else "right")
    measured_rows = [row for row in rows if isinstance(row, Outcome)]
    base = measured_rows[0].runs[0].seconds
    for row in rows:
        table.add_row(*(figures(row, base) if isinstance(row, Outcome) else (row[0], row[1], "failed")))
    console.print(table)
    for row in rows:
        if not isinstance(row, Outcome):
            console.print(f"{row[0]}, {row[1]}: {row[2]}", markup=False)
    versions = {name: number for row in measured_rows for name, number in row.versions.items()}
    console.print(", ".join(f"{name} {number}" for name, number in versions.items()), markup=False)


def figures(row: Outcome, base: float) -> tuple[str, ...]:
    """The cells of a tool; `base` are the seconds of Precedent's first run."""
    first, again, changed = row.runs
    found = ", ".join(f"{count} {mode}" for mode, count in row.hits.items())
    return (
        row.tool,
        row.cut,
        f"{row.passages:,}",
        f"{row.tokens:,}",
        f"{row.lost / max(row.tokens, 1):.1%}",
        row.index,
        f"{first.seconds:.1f}",
        f"{first.seconds / base:.2f}",
        f"{row.embedded / first.seconds:,.0f}",
        f"{again.seconds:.1f} ({again.inside:.1f})",
        f"{changed.seconds:.1f} ({changed.inside:.1f})",
        f"{max(run.peak_mb for run in row.runs):,.0f}",
        found,
    )
