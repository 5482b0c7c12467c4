"""Incidents are analysed side by side: within the limits, and without losing a paid answer however the run ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from orchestration.instance import dagster_instance
from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.behaviour import Behaviour, Step
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.testing.loopback import Request
from tests.integration.conftest import incident, write_lines
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
INCIDENTS, AT_ONCE = 12, 4
# An answer has 17 tokens: each costs .017 USD, and may cost at most .1 USD and little for the prompt.
DEAR = {"input_per_million": 0, "output_per_million": 1000}
MOST_TOKENS = 100
LAYER = "incidents/recommendations"


class Busy:
    """What a server is doing: how many requests at once, and who must wait before being answered."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = self.seen = 0
        self.pause_s = 0.2
        self.meanwhile: Callable[[int], None] = lambda _: None

    def __call__(self, _: Request) -> None:
        with self.lock:
            self.seen += 1
            self.now += 1
            self.most = max(self.most, self.now)
            number = self.seen
        time.sleep(self.pause_s)
        self.meanwhile(number)
        with self.lock:
            self.now -= 1

    def wait_until_idle(self) -> None:
        """Wait for the requests of a process that is gone."""
        until = time.monotonic() + 30
        while self.now and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.2)  # the last ones are written down and answered


@pytest.fixture
def busy() -> Busy:
    return Busy()


@pytest.fixture
def server(busy: Busy) -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as running:
        running.before = busy
        yield running


@pytest.fixture
def key(precedent: Call, database: Database, tenant: str, server: LoopbackServer, tmp_path: Path, busy: Busy) -> str:
    """A source of incidents whose vectors are there, and a provider for their analyses."""
    records = [incident(f"Checkout {n}", f"It fails, {n}.", n) for n in range(1, INCIDENTS + 1)]
    write_lines(tmp_path / "incidents.jsonl", records)
    key = f"{tenant}/incidents"
    assert precedent("source", "add", key, tmp_path / "incidents.jsonl")[0] == 0
    add(database, tenant, server)
    layers = [word for layer in ("raw", "text", "vectors", "reports") for word in ("--select", layer)]
    code, _, error = precedent("refresh", key, *layers)
    assert code == 0, error
    assert busy.seen == 0
    return key


def add(database: Database, tenant: str, server: LoopbackServer, **changes: Any) -> None:
    wire = OpenAIWire()
    fields: dict[str, Any] = {
        "name": "writer",
        "driver": "openai",
        "capability": "text_generation",
        "model": "gpt-6-luna",
        "base_url": wire.base_url(server.url),
        "credentials": {"api_key": wire.key},
        "active": True,
        "options": {"max_output_tokens": MOST_TOKENS},
        "performance": {"max_concurrency": AT_ONCE, "max_attempts": 2, "opens_after": 100, "timeout_s": 20},
        "cost": DEAR,
        **changes,
    }
    save(database, Settings.from_environment(), tenant, Provider.model_validate(fields), replace=True)


def found(owner_dsn: str, tenant: str, query: str) -> Any:
    with psycopg.connect(owner_dsn) as connection:
        row = connection.execute(f"{query} WHERE tenant_id = (SELECT id FROM tenants WHERE name = %s)", (tenant,))
        return (row.fetchone() or (None,))[0]


def analysed(owner_dsn: str, tenant: str) -> int:
    return int(found(owner_dsn, tenant, "SELECT count(*) FILTER (WHERE status = 'succeeded') FROM analysis_runs"))


def refreshed(precedent: Call, key: str) -> dict[str, Any]:
    code, out, error = precedent("refresh", key, "--select", "incidents", "--json")
    assert code == 0, error
    outcome: dict[str, Any] = json.loads(out)
    return outcome


def failed_step(database: Database, run_id: str) -> dict[str, Any]:
    """What the Dagster UI shows beside the reason of the step that failed."""
    with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
        (log,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        event = log.dagster_event
        assert event is not None
        failure = event.step_failure_data.user_failure_data
        assert failure is not None
        return {name: entry.value for name, entry in failure.metadata.items()}


def in_a_process(key: str, home: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "orchestration.cli", "refresh", key, "--select", "incidents"]
    environment = {**os.environ, "PRECEDENT_HOME": str(home)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_as_many_are_asked_about_at_once_as_the_provider_takes(
    precedent: Call, database: Database, tenant: str, key: str, busy: Busy, owner_dsn: str
) -> None:
    peak = 0

    def look(_: int) -> None:
        nonlocal peak
        with psycopg.connect(owner_dsn) as owner:
            row = owner.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()",
                (database.endpoints.app.username,),
            ).fetchone()
        peak = max(peak, int(row[0]) if row else 0)

    look(0)
    before, busy.meanwhile = peak, look
    layer = refreshed(precedent, key)["layers"][LAYER]
    assert (layer["rows/added"], layer["rows/failed"]) == (INCIDENTS, 0)
    assert busy.most == AT_ONCE
    # The command's own, one to find evidence, one to store answers, and one of the ledger for each call.
    assert peak - before <= 3 + AT_ONCE


def test_what_arrives_in_another_order_is_the_same_analysis(
    precedent: Call, key: str, busy: Busy, server: LoopbackServer, owner_dsn: str, tenant: str
) -> None:
    refreshed(precedent, key)
    query = (
        "SELECT jsonb_object_agg(external_id, jsonb_build_array(recommendations, evidence, encode(input_hash, 'hex'))) "
        "FROM analysis_runs"
    )
    first = found(owner_dsn, tenant, query)
    assert len(first) == INCIDENTS
    with psycopg.connect(owner_dsn) as owner:
        owner.execute("DELETE FROM analysis_runs WHERE tenant_id = (SELECT id FROM tenants WHERE name = %s)", (tenant,))
    busy.meanwhile = lambda number: time.sleep(0.1 * (number % AT_ONCE))
    refreshed(precedent, key)
    assert found(owner_dsn, tenant, query) == first


def test_the_failure_of_one_costs_no_other(
    precedent: Call, key: str, server: LoopbackServer, owner_dsn: str, tenant: str
) -> None:
    failed = Step(Behaviour.STATUS, status=400, answer=RECOMMENDATION)
    server.script([Step(answer=RECOMMENDATION), failed, Step(answer=RECOMMENDATION)])
    layer = refreshed(precedent, key)["layers"][LAYER]
    assert analysed(owner_dsn, tenant) == INCIDENTS  # one of them by the rules
    assert layer["fallback/incidents"] == 1
    server.behave()
    assert refreshed(precedent, key)["layers"][LAYER]["rows/added"] == 1
    assert len(server.calls) == 1


def test_an_interrupt_keeps_what_is_under_way_and_asks_for_no_more(
    precedent: Call, key: str, busy: Busy, server: LoopbackServer, platform_home: Path, owner_dsn: str, tenant: str
) -> None:
    with in_a_process(key, platform_home) as run:

        def interrupt(number: int) -> None:
            if number == AT_ONCE + 2:
                run.send_signal(signal.SIGINT)
                time.sleep(1)

        busy.meanwhile = interrupt
        assert run.wait(timeout=120) != 0
    answered = len(server.calls)
    assert AT_ONCE + 2 <= answered <= 2 * AT_ONCE + 2
    assert analysed(owner_dsn, tenant) == answered
    assert found(owner_dsn, tenant, "SELECT sum(cost_usd) FROM usage_records") == answered * Decimal("0.017")
    busy.meanwhile = lambda _: None
    server.behave()
    assert refreshed(precedent, key)["layers"][LAYER]["rows/added"] == INCIDENTS - answered == len(server.calls)


def test_a_kill_keeps_every_answer_that_had_arrived(
    precedent: Call, key: str, busy: Busy, server: LoopbackServer, platform_home: Path, owner_dsn: str, tenant: str
) -> None:
    with in_a_process(key, platform_home) as run:

        def kill(number: int) -> None:
            if number > AT_ONCE:  # those before have been answered: wait until they are stored
                until = time.monotonic() + 30
                while analysed(owner_dsn, tenant) < AT_ONCE and time.monotonic() < until:
                    time.sleep(0.02)
                run.kill()

        busy.meanwhile = kill
        assert run.wait(timeout=120) == -signal.SIGKILL
    assert analysed(owner_dsn, tenant) == AT_ONCE
    busy.wait_until_idle()
    busy.meanwhile = lambda _: None
    server.behave()
    assert refreshed(precedent, key)["layers"][LAYER]["rows/added"] == INCIDENTS - AT_ONCE == len(server.calls)


def test_a_budget_ends_the_run_when_what_is_under_way_has_been_answered(
    precedent: Call, database: Database, key: str, busy: Busy, server: LoopbackServer, owner_dsn: str, tenant: str
) -> None:
    budget = Decimal("0.16")  # enough for one call at a time: four are made, a fifth would need .068 + .1
    policies.save(database, tenancy.get(database, tenant).id, None, {"monthly_budget_usd": budget})
    code, out, error = precedent("refresh", key, "--select", "incidents", "--json")
    assert code == 1
    spent = found(owner_dsn, tenant, "SELECT sum(cost_usd) FROM usage_records")
    answered = len(server.calls)
    assert analysed(owner_dsn, tenant) == answered == 4
    assert f"{answered} of {INCIDENTS} incidents were analysed and are kept" in error
    assert "the call may cost 0.1" in error
    assert spent == answered * Decimal("0.017") <= budget
    outcome = json.loads(out)
    assert Decimal(str(outcome["cost_usd"])) == spent
    assert failed_step(database, outcome["run_id"]) == {"budget/exhausted": True, "cost/usd": float(spent)}
    policies.save(database, tenancy.get(database, tenant).id, None, {"monthly_budget_usd": Decimal(10)})
    assert refreshed(precedent, key)["layers"][LAYER]["rows/added"] == INCIDENTS - answered
