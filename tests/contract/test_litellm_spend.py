"""Runs of incidents through a real LiteLLM proxy: the ledger beside the proxy's own record of what it charges for.

Each tenant has a virtual key of its own. The proxy is run without its database: keys and the record of spending are by
its own extension points, `custom_auth` and a logger; the logger is given the figure that the database would get. How to
run it stands in docs/providers.md.
"""

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

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.testing.loopback import Request
from tests.contract.litellm_proxy import OPT_IN, proxy_of
from tests.integration.conftest import archive, incident, tenant, write_lines
from tests.integration.providers.provider_servers import RECOMMENDATION

__all__ = ["archive", "tenant"]
pytestmark = OPT_IN

Call = Callable[..., tuple[int, str, str]]
INCIDENTS, AT_ONCE = 16, 4
NEAR = Decimal("0.000001")
LAYER = "incidents/recommendations"
# gpt-4o in LiteLLM's own list; an answer of 42 tokens, 5 of them cached, and 17 tokens.
PRICE = {"input_per_million": 2.5, "cached_per_million": 1.25, "output_per_million": 10}
ANSWER = Decimal("0.00026875")
EXTENSIONS = """
import json
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth


async def authenticate(request, api_key):
    if not api_key.startswith("sk-virtual-"):
        raise Exception("no such key")
    return UserAPIKeyAuth(api_key=api_key, user_id=api_key)


class Spending(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        said = kwargs["standard_logging_object"]
        line = {"key": said["metadata"]["user_api_key_user_id"], "spend": said["response_cost"], "id": said["id"]}
        with open("spending.jsonl", "a") as file:
            file.write(json.dumps(line) + "\\n")


spending = Spending()
"""


class Upstream(OpenAIWire):
    """What the proxy calls; some requests are answered in prose, some late."""

    def __init__(self) -> None:
        super().__init__("upstream-key")
        self.forget()

    def forget(self) -> None:
        self.prose_each = self.late_each = 0
        self.pause_s, self.late_s = 0.3, 4.0
        self.seen = self.under_way = 0
        self.guard = threading.Lock()
        self.meanwhile: Callable[[int], None] = lambda _: None

    def respond(self, request: Request, step: Step) -> Reply:
        with self.guard:
            self.seen += 1
            self.under_way += 1
            number = self.seen
        late = bool(self.late_each) and number % self.late_each == 0
        time.sleep(self.late_s if late else self.pause_s)
        self.meanwhile(number)
        is_prose = bool(self.prose_each) and number % self.prose_each == 0
        with self.guard:
            self.under_way -= 1
        return super().respond(request, Step(Behaviour.PROSE) if is_prose else step)


class Gateway:
    """The proxy, what it calls, and what it has charged for."""

    def __init__(self, address: str, folder: Path, upstream: Upstream) -> None:
        self.address, self.folder, self.upstream = address, folder, upstream

    def spent(self, key: str) -> tuple[int, Decimal]:
        """Answers and USD that a key was charged for, when all requests have ended."""
        found: tuple[int, Decimal] = (-1, Decimal(0))
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(1)
            lines = [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []
            costs = [Decimal(str(line["spend"])) for line in lines if line["key"] == key]
            before, found = found, (len(costs), sum(costs, Decimal(0)))
            if before == found and not self.upstream.under_way:
                break
        return found

    @property
    def log(self) -> Path:
        return self.folder / "spending.jsonl"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder, wire = tmp_path_factory.mktemp("litellm"), Upstream()
    (folder / "extensions.py").write_text(EXTENSIONS)
    with LoopbackServer(wire, answer=RECOMMENDATION) as server:
        model = {"model": "openai/gpt-4o", "api_base": wire.base_url(server.url), "api_key": wire.key}
        config = {
            "model_list": [{"model_name": "writer", "litellm_params": model}],
            "litellm_settings": {"num_retries": 0, "callbacks": ["extensions.spending"]},
            "general_settings": {"master_key": "sk-loopback-master-key", "custom_auth": "extensions.authenticate"},
        }
        with proxy_of(folder, config) as address:
            yield Gateway(address, folder, wire)


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    running.upstream.forget()
    return running


class Runs:
    """A tenant with incidents whose vectors are there, and the proxy as its provider."""

    def __init__(self, precedent: Call, database: Database, tenant: str, gateway: Gateway, owner_dsn: str) -> None:
        self.precedent, self.database, self.tenant, self.gateway = precedent, database, tenant, gateway
        self.owner_dsn, self.key, self.source = owner_dsn, f"sk-virtual-{tenant}", f"{tenant}/incidents"

    def provider(self, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "name": "writer",
            "driver": "gateway",
            "capability": "text_generation",
            "model": "writer",
            "base_url": self.gateway.address,
            "credentials": {"api_key": self.key},
            "active": True,
            "options": {"max_output_tokens": 100, "max_prompt_tokens": 1500},
            "performance": {"max_concurrency": AT_ONCE, "max_attempts": 2, "opens_after": 100, "timeout_s": 30},
            **changes,
        }
        save(self.database, Settings.from_environment(), self.tenant, Provider.model_validate(fields), replace=True)

    def policy(self, **changes: Any) -> None:
        policies.save(self.database, tenancy.get(self.database, self.tenant).id, None, changes)

    def refresh(self, *options: str) -> tuple[int, dict[str, Any], str]:
        code, out, error = self.precedent("refresh", self.source, "--select", "incidents", "--json", *options)
        return code, json.loads(out), error

    def killed(self, when: int) -> None:
        """A refresh that is killed, with SIGKILL, while the upstream answers so many requests."""
        command = [sys.executable, "-m", "orchestration.cli", "refresh", self.source, "--select", "incidents"]
        with subprocess.Popen(command, env=dict(os.environ), stdout=-3, stderr=-3) as run:
            self.gateway.upstream.meanwhile = lambda number: run.kill() if number == when else None
            assert run.wait(timeout=180) == -signal.SIGKILL
        self.gateway.upstream.meanwhile = lambda _: None

    def row(self, query: str) -> tuple[Any, ...]:
        with psycopg.connect(self.owner_dsn) as connection:
            where = "WHERE tenant_id = (SELECT id FROM tenants WHERE name = %s)"
            return connection.execute(f"{query} {where}", (self.tenant,)).fetchone() or ()

    def booked(self) -> tuple[int, Decimal, int]:
        """Requests that were answered, their USD, and calls of unknown cost."""
        found = self.row(
            "SELECT coalesce(sum(attempts) FILTER (WHERE cost_usd > 0), 0)::int, coalesce(sum(cost_usd), 0), "
            "count(*) FILTER (WHERE cost_usd IS NULL)::int FROM usage_records"
        )
        return found[0], found[1], found[2]

    def set_aside(self) -> Decimal:
        found: Decimal = self.row("SELECT coalesce(sum(amount_usd), 0) FROM budget_reservations")[0]
        return found

    def analysed(self) -> int:
        found: int = self.row(
            "SELECT count(DISTINCT external_id) FILTER (WHERE provider_served = 'writer') FROM analysis_runs"
        )[0]
        return found


@pytest.fixture
def runs(precedent: Call, database: Database, tenant: str, gateway: Gateway, owner_dsn: str, tmp_path: Path) -> Runs:
    found = Runs(precedent, database, tenant, gateway, owner_dsn)
    records = [incident(f"Checkout {n}", f"It fails, {n}.", n) for n in range(1, INCIDENTS + 1)]
    write_lines(tmp_path / "incidents.jsonl", records)
    assert precedent("source", "add", found.source, tmp_path / "incidents.jsonl")[0] == 0
    layers = [word for layer in ("raw", "text", "vectors", "reports") for word in ("--select", layer)]
    assert precedent("refresh", found.source, *layers)[0] == 0
    return found


def test_the_ledger_is_the_proxys_spending(runs: Runs, gateway: Gateway) -> None:
    runs.provider()
    gateway.upstream.prose_each = 5  # these are charged for as well, and asked again
    code, outcome, error = runs.refresh()
    assert code == 0, error
    answers, usd = gateway.spent(runs.key)
    assert answers > INCIDENTS
    booked, ledger, unpriced = runs.booked()
    assert (booked, unpriced) == (answers, 0)
    assert abs(ledger - usd) <= NEAR
    assert abs(Decimal(str(outcome["cost_usd"])) - usd) <= NEAR
    left = INCIDENTS - runs.analysed()  # twice answered in prose, and then by the rules
    gateway.upstream.prose_each = 0
    assert runs.refresh()[1]["layers"][LAYER]["rows/added"] == left
    assert gateway.spent(runs.key)[0] == answers + left
    print(f"prose: {answers} answers, {usd} USD by the proxy, {ledger} by the ledger")


def test_what_came_too_late_is_unpriced_and_its_money_set_aside(runs: Runs, gateway: Gateway) -> None:
    performance = {"max_concurrency": AT_ONCE, "max_attempts": 1, "opens_after": 100, "timeout_s": 1.5}
    runs.provider(cost=PRICE, performance=performance)
    runs.policy(monthly_budget_usd=Decimal(5))
    gateway.upstream.late_each = 4
    code, _, error = runs.refresh()
    assert code == 0, error  # by the rules where the proxy was too late
    answers, usd = gateway.spent(runs.key)
    booked, ledger, unpriced = runs.booked()
    assert unpriced > 0
    assert booked + unpriced == INCIDENTS
    late = (answers - booked) * ANSWER  # what the proxy charges for although its answer came too late
    assert 0 <= answers - booked <= unpriced
    assert abs(ledger + late - usd) <= NEAR
    assert ledger + runs.set_aside() >= usd
    print(
        f"late: {answers} answers, {usd} USD by the proxy, {ledger} by the ledger, {unpriced} unpriced calls, "
        f"{runs.set_aside()} set aside"
    )


@pytest.mark.parametrize("when", [3, 9])
def test_a_kill_costs_what_was_under_way_and_nothing_is_paid_twice(runs: Runs, gateway: Gateway, when: int) -> None:
    runs.provider(cost=PRICE)
    gateway.upstream.prose_each = 6
    runs.killed(when)
    charged, usd = gateway.spent(runs.key)
    booked, ledger, _ = runs.booked()
    kept = runs.analysed()
    lost = charged - booked
    assert 0 < lost <= AT_ONCE + 1
    assert abs(ledger + lost * ANSWER - usd) <= NEAR
    seen = gateway.upstream.seen
    gateway.upstream.prose_each = 0
    code, outcome, error = runs.refresh()
    assert code == 0, error
    assert outcome["layers"][LAYER]["rows/added"] == INCIDENTS - kept == gateway.upstream.seen - seen
    again, total = gateway.spent(runs.key)
    assert (again, runs.analysed()) == (charged + INCIDENTS - kept, INCIDENTS)
    assert abs(runs.booked()[1] + lost * ANSWER - total) <= NEAR
    print(
        f"killed at {when}: {kept} kept, {lost} under way; {total} USD by the proxy, {runs.booked()[1]} by the ledger"
    )


def test_no_budget_is_exceeded_whatever_is_answered(runs: Runs, gateway: Gateway) -> None:
    runs.provider(cost=PRICE)
    gateway.upstream.prose_each = 4
    budget = Decimal("0.006")
    runs.policy(monthly_budget_usd=budget)
    code, _, error = runs.refresh()
    assert code == 1
    assert "budget of this month is used up" in error
    answers, usd = gateway.spent(runs.key)
    assert 0 < answers < INCIDENTS
    assert abs(runs.booked()[1] - usd) <= NEAR
    assert usd <= budget
    kept = runs.analysed()
    runs.policy(monthly_budget_usd=Decimal(5))
    gateway.upstream.prose_each = 0
    assert runs.refresh()[1]["layers"][LAYER]["rows/added"] == INCIDENTS - kept
    assert abs(runs.booked()[1] - gateway.spent(runs.key)[1]) <= NEAR
    print(f"budget {budget}: {usd} USD by the proxy after {answers} answers, then {gateway.spent(runs.key)[1]}")
