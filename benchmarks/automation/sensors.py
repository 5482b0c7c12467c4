"""Ticks of all sensors with many sources: seconds, database statements and requests, with and without changes.

Statements are counted exactly, in this process and apart from BEGIN and COMMIT: ours where the driver's cursors
execute them, Dagster's by an event of its engines.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import psycopg
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, event

from benchmarks.automation.automation import evaluations, sensor_servers
from benchmarks.automation.sensor_servers import Server, started
from benchmarks.setting import machine
from orchestration.cli import run
from orchestration.definitions import defs
from orchestration.instance import dagster_instance
from orchestration.sensors import database as sensor_database
from precedent.database.session import Database
from precedent.settings import Settings
from precedent.sources import repository as catalog
from precedent.sources import schedule
from precedent.sources.repository import SourceRow
from precedent.sources.source import LiveSource, Probe
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.state import State
from precedent.tenants import tenants as tenancy

SOURCES = int(os.environ.get("PRECEDENT_BENCH_SOURCES", "1000"))
KINDS = (*sensor_servers.KINDS, "archive")
OTHERS = ("source_partitions", "incidents_without_analysis", "provider_configuration", "budget_warnings")
CHANGED = 100  # one source in so many
MOST_TICKS = 50


@dataclass(slots=True)
class Round:
    """Ticks of one sensor until every source had its turn."""

    seconds: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    runs: int = 0
    requests: int = 0


@dataclass(slots=True)
class Setting:
    """The platform that is measured, and the sources by kind."""

    database: Database
    instance: dg.DagsterInstance
    folder: Path
    servers: dict[str, Server]
    sources: dict[str, list[SourceRow]]
    counted: list[int]
    cursors: dict[str, str | None] = field(default_factory=dict)

    def tick(self, name: str, found: Round) -> Any:
        """One evaluation with an instance of its own, as on a code server."""
        before, began = self.counted[0], time.perf_counter()
        reference = self.instance.get_ref()
        cursor = self.cursors.get(name)
        with dg.build_sensor_context(cursor=cursor, instance_ref=reference, definitions=defs) as context:
            data = defs.resolve_sensor_def(name).evaluate_tick(context)
        found.seconds.append(time.perf_counter() - began)
        found.statements.append(self.counted[0] - before)
        found.runs += len(data.run_requests or ())
        self.cursors[name] = data.cursor
        for request in data.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions("source", list(request.partition_keys))
        return data

    def round(self, kind: str) -> Round:
        """Ticks until none of the sources is left for the next one."""
        name, found = f"{kind}_changes", Round()
        before = self.servers[kind].asked() if kind in self.servers else 0
        reached = 0
        for _ in range(MOST_TICKS):
            self.tick(name, found)
            place = int(self.cursors[name] or 0)
            # A tick that has time left after the last source goes on with the first: behind it a round is over.
            if place <= reached:
                break
            reached = place
        self.cursors[name] = None
        found.requests = (self.servers[kind].asked() if kind in self.servers else 0) - before
        return found


def main() -> None:
    """Set up the sources in a home of their own, tick every sensor in each situation, and print what it took."""
    table = Table(title=f"Sensors with {SOURCES:,} sources of {max(1, SOURCES // 10):,} tenants; {machine()}")
    for column in (
        "sensor",
        "sources",
        "situation",
        "ticks a round",
        "s a tick",
        "s at most",
        "statements a tick",
        "requests a source",
        "runs",
    ):
        table.add_column(column, justify="left" if column in {"sensor", "situation"} else "right")
    load = os.getloadavg()[0]
    with prepared() as setting:
        tick_all(setting, table)
        automation(setting, table)
    Console(width=150).print(table)
    print(f"Load average {load:.1f} before, {os.getloadavg()[0]:.1f} after.")


def tick_all(setting: Setting, table: Table) -> None:
    """Every sensor but the largest: new sources, unchanged ones, and a few that have changed."""
    others(setting, table, "new")
    for kind in KINDS:
        shown(table, setting, kind, "new", setting.round(kind))
    leave_synced(setting)
    others(setting, table, "unchanged")
    for situation in ("unchanged", "1 % changed"):
        for kind in KINDS:
            if situation != "unchanged":
                change(setting, kind)
            shown(table, setting, kind, situation, setting.round(kind))


def others(setting: Setting, table: Table, situation: str) -> None:
    """One tick of each sensor that asks the database only; that of partitions until it has added all."""
    for name in OTHERS:
        found = Round()
        while True:
            data = setting.tick(name, found)
            if not data.dynamic_partitions_requests:
                break
        row(table, name, SOURCES, situation, found)


def change(setting: Setting, kind: str) -> None:
    """Let one source in a hundred hold something else."""
    for number, source in list(enumerate(setting.sources[kind]))[::CHANGED]:
        if kind in setting.servers:
            setting.servers[kind].change(number)
        else:
            Path(source.configuration["path"]).write_bytes(orjson.dumps(record(number, "Another")) + b"\n" * 2)


def leave_synced(setting: Setting) -> None:
    """What a sync leaves behind, made from a real look at each source."""

    def leave(source: SourceRow) -> None:
        opened = catalog.opened(source)
        if isinstance(opened, LiveSource):
            probe = opened.probe()
            opened.close()
        else:
            probe = Probe(opened.quick_fingerprint(), {})
        with setting.database.bulk(source.tenant_id) as connection:
            sync_state.save_outcome(connection, source.tenant_id, source.id, state=State.OK, revision=source.revision)
            sync_state.save_complete(connection, source.id, probe, swept=True)
            if probe.name is not None:
                sync_state.save_name(connection, source.id, probe.name)

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(leave, [source for sources in setting.sources.values() for source in sources]))
    assert all(source.syncs for source in schedule.sources(setting.database))


def automation(setting: Setting, table: Table) -> None:
    """The sensor that evaluates the conditions of all assets below the sources."""
    keys = [source.key for sources in setting.sources.values() for source in sources]
    for found in evaluations(setting.instance, keys, keys[::CHANGED], setting.counted):
        ticks = Round([found.seconds], [found.statements], found.runs)
        row(table, "automation", len(keys), found.situation, ticks)


def shown(table: Table, setting: Setting, kind: str, situation: str, found: Round) -> None:
    """The row of a sensor of one kind of source."""
    row(table, f"{kind}_changes", len(setting.sources[kind]), situation, found)


def row(table: Table, name: str, sources: int, situation: str, found: Round) -> None:
    """A row of the table."""
    table.add_row(
        name,
        f"{sources:,}",
        situation,
        str(len(found.seconds)),
        f"{statistics.mean(found.seconds):.2f}",
        f"{max(found.seconds):.2f}",
        f"{statistics.mean(found.statements):,.0f}",
        f"{found.requests / sources:.2f}",
        f"{found.runs:,}",
    )


@contextmanager
def prepared() -> Iterator[Setting]:
    """Servers, a home with a database of its own, and the sources; all of it goes at the end."""
    each = max(1, SOURCES // len(KINDS))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["PRECEDENT_HOME"] = stack.enter_context(tempfile.TemporaryDirectory())
        servers = {kind: stack.enter_context(started(kind, each)) for kind in sensor_servers.KINDS}
        counted = counting()
        stack.callback(run, ["down"])
        database = sensor_database.opened()
        stack.callback(database.close)
        instance = stack.enter_context(dagster_instance(Settings.from_environment(), database.endpoints))
        setting = Setting(database, instance, folder, servers, {}, counted)
        add_sources(setting, each)
        yield setting


def add_sources(setting: Setting, each: int) -> None:
    """As many sources of each kind, spread over the tenants."""
    tenants = [f"bench-{number}" for number in range(max(1, SOURCES // 10))]
    for tenant in tenants:
        tenancy.add(setting.database, tenant)
    for kind in KINDS:
        setting.sources[kind] = []
        for number in range(each):
            secrets = {"api_key": f"key-{number}"} if kind in {"jira", "github"} else {}
            added = catalog.add(
                setting.database,
                tenants[number % len(tenants)],
                f"{kind}-{number}",
                kind,
                configuration(setting, kind, number),
                secrets,
            )
            setting.sources[kind].append(added)


def configuration(setting: Setting, kind: str, number: int) -> dict[str, Any]:
    """Where a source of the benchmark is."""
    match kind:
        case "jira":
            return {"url": setting.servers[kind].url, "projects": [f"P{number}"]}
        case "github":
            return {"repository": f"bench/r{number}", "base_url": setting.servers[kind].url}
        case "statuspage":
            return {"url": f"{setting.servers[kind].url}/{number}"}
        case _:
            path = setting.folder / f"{number}.jsonl"
            path.write_bytes(orjson.dumps(record(number, "One")))
            return {"path": str(path)}


def record(number: int, title: str) -> dict[str, Any]:
    """An issue of an archive."""
    at = "2026-01-02T08:00:00Z"
    return {
        "id": number,
        "number": number,
        "title": title,
        "body": "The body.",
        "state": "open",
        "created_at": at,
        "updated_at": at,
        "url": f"https://api.github.com/repos/acme/web/issues/{number}",
    }


def counting() -> list[int]:
    """A list whose only number grows with every statement that this process sends to PostgreSQL."""
    counted = [0]
    execute: Callable[..., Any] = psycopg.Cursor.execute

    def counted_execute(self: "psycopg.Cursor[Any]", *arguments: Any, **options: Any) -> Any:
        counted[0] += 1
        return execute(self, *arguments, **options)

    psycopg.Cursor.execute = counted_execute  # type: ignore[method-assign]

    @event.listens_for(Engine, "before_cursor_execute")
    def count(connection: Any, *_: Any) -> None:
        if connection.dialect.driver != "psycopg":  # whose statements were counted above
            counted[0] += 1

    return counted


if __name__ == "__main__":
    sys.exit("Run it as `python -m benchmarks sensors`.")
