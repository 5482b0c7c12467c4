"""What metering adds to a call: the same driver called plain and through the gate and the ledger, in turns."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar
from uuid import uuid4

import numpy as np
import psycopg
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine
from precedent.database.session import Database
from precedent.providers import registry
from precedent.providers.base import Capability, Driver, DriverInfo, Egress
from precedent.providers.config.health_check import Pong
from precedent.providers.config.options import CostOptions, ModelOptions, PerformanceOptions
from precedent.providers.config.provider import Provider
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.generation import Completion, GenerationRequest
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.runtime.open_drivers import open_driver
from precedent.providers.testing.behaviour import Reply, Request, Step
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.vectors.embedding import EmbeddingBatch

CALLS, WARM_UP, FLUSHES, CPU_CALLS = 400, 20, 200, 100
TARGET_MS, TARGET_95_MS = 2.0, 5.0
# Threads, and seconds until the provider answers: alone; several as they work in earnest, where a provider takes its
# time; several that do nothing but wait for each other.
SETTINGS = ((1, 0.0), (8, 0.02), (8, 0.0))
DIMENSIONS = 8
TEXTS = ["Checkout fails because the connection pool is exhausted."] * 8
# No limit that is ever reached: what is measured is the gate, not the waiting in front of it.
LIMITED = PerformanceOptions(requests_per_minute=100_000_000, tokens_per_minute=1_000_000_000)
BUDGET = Decimal(1_000_000)


class Nothing(Driver):
    """Does nothing, so that nothing but the metering takes time."""

    pause_s: ClassVar[float] = 0.0

    info: ClassVar[DriverInfo] = DriverInfo(
        name="nothing", title="Nothing", capabilities=frozenset(Capability), needs_key=False, egress=Egress.NEVER
    )

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Vectors of ones."""
        _pause(self.pause_s)
        return EmbeddingBatch(np.ones((len(texts), DIMENSIONS), np.float32), 8 * len(texts))

    def generate(self, request: GenerationRequest) -> Completion:
        """The smallest answer."""
        _pause(self.pause_s)
        return Completion(Pong(ok=True), "nothing")


class Answering(OpenAIWire):
    """OpenAI's wire with an answer to the smallest question."""

    def __init__(self) -> None:
        super().__init__()
        self.pause_s = 0.0

    def respond(self, request: Request, step: Step) -> Reply:
        """The answer, after the pause."""
        _pause(self.pause_s)
        return super().respond(request, step)

    def completion(self, request: Request, content: str, step: Step) -> Reply:
        """Always the smallest one."""
        return super().completion(request, '{"ok": true}', step)


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    driver: type[Driver]
    capability: Capability
    gated: bool
    threads: int
    pause_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds of a call: plain, and what metering adds at the median, at the 95th percentile and in CPU time."""

    plain: float
    added: float
    added_95: float
    added_cpu: float
    ratio: float
    transactions: float


def main() -> None:
    """Measure every case and print the table."""
    load = os.getloadavg()[0]
    settings = Settings.from_environment()
    database = Database.open(settings)
    # As if another distribution had brought it by an entry point.
    registry._load().drivers[Nothing.info.name] = Nothing
    table = Table(title=f"What metering adds to a call, {CALLS} in turns with plain ones; {machine()}")
    for column in ("driver", "operation", "budget, limits", "threads"):
        table.add_column(column)
    for column in ("answers after ms", "plain p50 ms", "added p50 ms", "added p95 ms", "added CPU ms", "transactions"):
        table.add_column(column, justify="right")
    cases = [
        Case(driver, capability, gated, threads, pause_s)
        for driver in (Nothing, OpenAIDriver)
        for capability in Capability
        for gated in (False, True)
        for threads, pause_s in SETTINGS
    ]
    found: dict[tuple[int, float], list[Figures]] = {}
    wire = Answering()
    with LoopbackServer(wire) as server:
        for case in cases:
            Nothing.pause_s = wire.pause_s = case.pause_s
            with _tenant(database, budget=case.gated) as tenant_id:
                figures = _measure(database, settings, _endpoint(case, tenant_id, wire.base_url(server.url)), case)
            found.setdefault((case.threads, case.pause_s), []).append(figures)
            table.add_row(
                case.driver.info.name,
                "embed" if case.capability is Capability.EMBEDDING else "generate",
                "yes" if case.gated else "no",
                str(case.threads),
                f"{case.pause_s * 1000:.0f}",
                f"{figures.plain:.2f}",
                f"{figures.added:.2f}",
                f"{figures.added_95:.2f}",
                f"{figures.added_cpu:.2f}",
                f"{figures.transactions:.2f}",
            )
    console = Console(width=130)
    console.print(table)
    for (threads, pause_s), rows in found.items():
        p50, p95 = [row.added for row in rows], [row.added_95 for row in rows]
        console.print(
            f"{threads} threads, answers after {pause_s * 1000:.0f} ms: p50 {_spread(p50)} ms, p95 {_spread(p95)} ms, "
            f"metered / plain {_spread([row.ratio for row in rows])}."
        )
    console.print(f"The targets are {TARGET_MS:.0f} ms at p50 and {TARGET_95_MS:.0f} ms at p95.")
    console.print(f"Each call waits once for the disk, here {_flush():.2f} ms.")
    console.print(f"Load before it began: {load:.1f} of {os.cpu_count()} cores.")


@contextmanager
def _tenant(database: Database, *, budget: bool) -> Iterator[int]:
    """A tenant of the case's own, gone with its rows afterwards."""
    owner = tenancy.add(database, f"bench-{uuid4().hex[:8]}")[0]
    try:
        if budget:
            policies.save(database, owner.id, None, {"monthly_budget_usd": BUDGET})
        yield owner.id
    finally:
        dsn = database.endpoints.owner.render_as_string(hide_password=False)
        with psycopg.connect(dsn) as connection:
            connection.execute("DELETE FROM tenants WHERE id = %s", (owner.id,))


def _endpoint(case: Case, tenant_id: int, base_url: str) -> Endpoint:
    info, model = case.driver.info, OpenAIWire.models[case.capability]
    provider = Provider(
        name="bench",
        driver=info.name,
        capability=case.capability,
        model=model,
        base_url=base_url,
        # Priced from the list, the slowest way to a price.
        options=ModelOptions(dimensions=DIMENSIONS, price_model=model),
        performance=LIMITED if case.gated else PerformanceOptions(),
        cost=CostOptions() if info.price_id else CostOptions(input_per_million=0.1, output_per_million=0.1),
    )
    return Endpoint(provider, info, tenant_id)


def _measure(database: Database, settings: Settings, endpoint: Endpoint, case: Case) -> Figures:
    ledger = Ledger(database, endpoint.tenant_id)
    policy = policies.get(database, endpoint.tenant_id)
    metered = MeteredClient(endpoint, ledger, policy, CallContext(endpoint.tenant_id), settings)
    driver = open_driver(endpoint, settings)
    # Without a row there is no stored key: the same client, with the one that the server wants.
    driver.provider = driver.provider.model_copy(update={"credentials": {"api_key": SecretStr(OpenAIWire().key)}})
    request = GenerationRequest("Answer in JSON.", 'Answer {"ok": true}.', Pong, max_output_tokens=200)

    def call(one: Driver | MeteredClient) -> object:
        return one.embed(TEXTS) if case.capability is Capability.EMBEDDING else one.generate(request)

    def pairs(count: int) -> list[tuple[float, float]]:
        found = []
        for number in range(count):
            # Which of the two comes first alternates, so that neither always runs on warm caches.
            order: list[Driver | MeteredClient] = [driver, metered] if number % 2 else [metered, driver]
            times = {id(one): _seconds(call, one) for one in order}
            found.append((times[id(driver)], times[id(metered)]))
        return found

    pairs(WARM_UP)
    with ThreadPoolExecutor(case.threads) as executor:
        shares = executor.map(pairs, [CALLS // case.threads] * case.threads)
        measured = [pair for share in shares for pair in share]
    ledger.close()
    plain = statistics.median(pair[0] for pair in measured) * 1000
    added = [(metered_s - plain_s) * 1000 for plain_s, metered_s in measured]
    ratio = statistics.median(pair[1] for pair in measured) * 1000 / plain
    before, cpu = _transactions(database), 0.0
    for one, sign in ((driver, -1), (metered, 1)):
        began = time.process_time()
        for _ in range(CPU_CALLS):
            call(one)
        cpu += sign * (time.process_time() - began)
    ledger.close()
    return Figures(
        plain,
        statistics.median(added),
        statistics.quantiles(added, n=20)[-1],
        cpu * 1000 / CPU_CALLS,
        ratio,
        (_transactions(database) - before) / CPU_CALLS,
    )


def _transactions(database: Database) -> int:
    """Transactions that the database has committed; those of open connections may be missing."""
    with psycopg.connect(database.endpoints.owner.render_as_string(hide_password=False)) as connection:
        row = connection.execute(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0


def _spread(values: Sequence[float]) -> str:
    """The lowest, the median and the highest."""
    return f"{min(values):.2f}, {statistics.median(values):.2f}, {max(values):.2f}"


def _pause(seconds: float) -> None:
    # Even a sleep of nothing gives the processor away.
    if seconds:
        time.sleep(seconds)


def _seconds(call: Callable[[Driver | MeteredClient], object], one: Driver | MeteredClient) -> float:
    began = time.perf_counter()
    call(one)
    return time.perf_counter() - began


def _flush() -> float:
    """Milliseconds until a page is on the disk; the median."""
    times = []
    with tempfile.NamedTemporaryFile(dir=Settings.from_environment().home) as file:
        for _ in range(FLUSHES):
            file.write(bytes(8192))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)
