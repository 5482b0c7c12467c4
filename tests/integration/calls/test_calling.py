"""A metered client, with the real SDK against a server on loopback: attempts, waits, rows on the ledger."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.errors import FailureKind
from precedent.providers.runtime.ledger import Ledger
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.question import question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.tenants import policies
from precedent.testing.loopback import Request
from tests.integration.billing.metering import EMBEDDING, WIRE, Setting

PROMPT_TOKENS = question().most_input
MOST = Decimal(PROMPT_TOKENS + 2 * question().max_output_tokens) / 1_000_000


class Crowd(OpenAIWire):
    """Counts how many ask at once."""

    def __init__(self) -> None:
        super().__init__("none")
        self.inside = self.most = 0
        self.lock = threading.Lock()

    def respond(self, request: Request, step: Step) -> Reply:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.05)
        with self.lock:
            self.inside -= 1
        return super().respond(request, step)


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(WIRE) as running:
        yield running


@pytest.fixture
def setting(database: Database, server: LoopbackServer, owner_dsn: str) -> Iterator[Setting]:
    setting = Setting(database, server, owner_dsn)
    yield setting
    setting.ledger.close()


def test_a_row_for_an_answer(setting: Setting) -> None:
    client = setting.client()
    client.generate(question())
    row = setting.row()
    assert {name: row[name] for name in ("provider", "driver", "model", "operation", "route", "inputs", "status")} == {
        "provider": "primary",
        "driver": "openai",
        "model": "gpt-6-luna",
        "operation": "generate",
        "route": "etl",
        "inputs": 1,
        "status": "succeeded",
    }
    assert (row["dagster_run_id"], row["asset"], row["partition"]) == ("run-1", "incidents/analysis", "main")
    assert (row["input_tokens"], row["output_tokens"], row["cached_tokens"], row["tokens_estimated"]) == (
        42,
        17,
        5,
        False,
    )
    assert (row["cost_usd"], row["cost_source"]) == (Decimal("0.0000760000"), "row")
    assert (row["input_price_usd"], row["output_price_usd"]) == (Decimal("0.000001"), Decimal("0.000002"))
    assert (row["attempts"], row["failure"], row["http_status"], row["masked"]) == (1, None, None, 0)
    assert 0 < row["latency_ms"] < 5000
    assert (client.totals.calls, client.totals.answered) == (1, 1)


def test_a_row_for_vectors(setting: Setting) -> None:
    setting.client(EMBEDDING).embed(["one", "two", "three"])
    row = setting.row()
    assert (row["operation"], row["inputs"], row["input_tokens"], row["cost_usd"]) == (
        "embed",
        3,
        21,
        Decimal("0.000021"),
    )


@pytest.mark.parametrize(
    ("step", "attempts", "kind", "status", "answers"),
    [
        (Step(Behaviour.STATUS, status=500), 2, "unavailable", 500, 0),
        (Step(Behaviour.STATUS, status=429), 2, "rate_limited", 429, 0),
        (Step(Behaviour.STATUS, status=404), 1, "not_found", 404, 0),
        (Step(Behaviour.STATUS, status=400), 1, "invalid_request", 400, 0),
        (Step(Behaviour.CONTEXT_OVERFLOW), 1, "context_overflow", 400, 0),
        (Step(Behaviour.BUDGET_EXCEEDED), 1, "provider_budget", 422, 0),
        # Whether these were charged for is not known.
        (Step(Behaviour.SLOW), 2, "timeout", None, None),
        (Step(Behaviour.RESET), 2, "connection", None, None),
        (Step(Behaviour.BROKEN), 2, "connection", None, None),
        # These were answered, and so they were charged for.
        (Step(Behaviour.REFUSAL), 1, "refused", None, 1),
        (Step(Behaviour.PROSE), 2, "invalid_answer", None, 2),
    ],
    ids=lambda value: f"{value.behaviour}{value.status or ''}" if isinstance(value, Step) else "",
)
def test_a_row_for_each_failure(
    setting: Setting, step: Step, attempts: int, kind: str, status: int | None, answers: int | None
) -> None:
    setting.server.script([step])
    policies.save(setting.database, setting.tenant_id, None, {"monthly_budget_usd": Decimal(1)})
    failure = setting.failure(setting.client(max_attempts=2, timeout_s=0.3))
    row = setting.row()
    assert (failure.kind, failure.status, failure.attempts, failure.provider) == (kind, status, attempts, "primary")
    assert (row["status"], row["failure"], row["http_status"], row["attempts"]) == ("failed", kind, status, attempts)
    assert (row["input_tokens"], row["tokens_estimated"]) == (42 * (answers or 0), False)
    assert row["cost_usd"] == (None if answers is None else answers * Decimal("0.000076"))
    assert len(setting.server.requests) == attempts
    assert (len(setting.slept), setting.reserved()) == (attempts - 1, answers is None)
    if answers is None:
        assert attempts * MOST == setting.kept()


def test_attempts_are_counted_and_the_waits_grow(setting: Setting) -> None:
    setting.server.script(
        [Step(Behaviour.STATUS, status=500), Step(Behaviour.STATUS, status=503), Behaviour.RESET, Behaviour.OK]
    )
    setting.client().generate(question())
    row = setting.row()
    assert (row["attempts"], row["status"], row["tokens_estimated"]) == (4, "succeeded", False)
    assert [0.25 <= setting.slept[0] <= 0.5, 0.5 <= setting.slept[1] <= 1, 1 <= setting.slept[2] <= 2] == [True] * 3
    assert setting.failures() == 0


def test_an_answer_of_no_use_is_on_the_bill_of_the_one_that_was(setting: Setting) -> None:
    setting.server.script([Behaviour.PROSE, Behaviour.OK])
    setting.client().generate(question())
    row = setting.row()
    assert (row["attempts"], row["input_tokens"], row["tokens_estimated"]) == (2, 84, False)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "2", "retry-after-ms": "2500"}, 2.5),
        ({"llm_provider-retry-after": "3"}, 3),
    ],
    ids=["seconds", "milliseconds", "both", "upstream"],
)
def test_retry_after_is_waited_for_and_keeps_others_waiting(
    setting: Setting, database: Database, headers: dict[str, str], waits: float
) -> None:
    setting.server.script([Step(Behaviour.STATUS, status=429, headers=headers), Behaviour.OK])
    waiting: list[float] = []

    def sleep(seconds: float) -> None:
        setting.slept.append(seconds)
        if not waiting:
            other = Ledger(database, setting.tenant_id)
            client = setting.client()
            given = other.admit("primary", "0", client.endpoint.provider.performance, tokens=1, amount=None, free=True)
            waiting.append(given.wait_s)
            other.close()

    setting.client(sleep=sleep).generate(question())
    assert waits <= setting.slept[0] <= waits + 0.1
    assert waiting == pytest.approx([waits], abs=0.3)
    assert setting.row()["attempts"] == 2


def test_a_call_waits_for_its_slot(setting: Setting) -> None:
    client = setting.client(requests_per_minute=6)
    client.generate(question())
    client.generate(question())
    assert setting.slept == pytest.approx([10 / 0.9], abs=1)


def test_retry_after_in_real_time(setting: Setting) -> None:
    setting.server.script([Step(Behaviour.STATUS, status=429, headers={"retry-after-ms": "400"}), Behaviour.OK])
    began = time.monotonic()
    setting.client(sleep=time.sleep).generate(question())
    assert 0.4 <= time.monotonic() - began < 1.5


@pytest.mark.parametrize("performance", [{}, {"max_attempts": 1}], ids=["too long to wait", "last attempt"])
def test_a_long_retry_after_is_left_to_the_fallback_and_stops_others(
    setting: Setting, performance: dict[str, Any]
) -> None:
    setting.server.script([Step(Behaviour.STATUS, status=429, headers={"retry-after": "90"}), Behaviour.OK])
    assert setting.failure(setting.client(**performance)).kind is FailureKind.RATE_LIMITED
    assert setting.failure(setting.client()).kind is FailureKind.LIMIT
    assert (len(setting.server.requests), setting.slept) == (1, [])
    assert [(row["status"], row["failure"], row["attempts"]) for row in setting.rows()] == [
        ("failed", "rate_limited", 1),
        ("refused", "limit", 0),
    ]


def test_a_timeout_is_of_one_attempt(setting: Setting) -> None:
    setting.server.script([Behaviour.SLOW, Behaviour.OK])
    began = time.monotonic()
    setting.client(timeout_s=0.3).generate(question())
    assert 0.3 <= time.monotonic() - began < 2
    assert (setting.row()["attempts"], len(setting.slept)) == (2, 1)


def test_a_refused_key_is_tried_once_until_the_row_is_edited(setting: Setting) -> None:
    setting.server.script([Step(Behaviour.STATUS, status=401)])
    assert setting.failure(setting.client()).kind is FailureKind.AUTHENTICATION
    found = setting.failure(setting.client())
    assert (found.kind, len(setting.server.requests)) == (FailureKind.BREAKER_OPEN, 1)
    assert "until its row is edited" in str(found)
    setting.server.behave()
    setting.client(edit_id="1").generate(question())
    assert [row["failure"] for row in setting.rows()] == ["authentication", None]


def test_outages_open_the_breaker_and_save_the_request(setting: Setting) -> None:
    setting.server.script([Step(Behaviour.STATUS, status=500)])
    client = setting.client(max_attempts=2, opens_after=2)
    kinds = [setting.failure(client).kind for _ in range(4)]
    assert kinds == ["unavailable", "unavailable", "breaker_open", "breaker_open"]
    assert (len(setting.server.requests), len(setting.rows())) == (4, 2)


@pytest.mark.parametrize("when", ["in the call", "before the next attempt"])
def test_an_interrupted_call_is_recorded_and_gives_its_reservation_back(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    policies.save(setting.database, setting.tenant_id, None, {"monthly_budget_usd": Decimal(1)})
    reserved = []

    def interrupt(*_: object) -> None:
        reserved.append(setting.reserved())
        raise KeyboardInterrupt

    setting.server.script([Step(Behaviour.STATUS, status=500)])
    if when == "in the call":
        monkeypatch.setattr(OpenAIDriver, "generate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        setting.client(sleep=interrupt).generate(question())
    row = setting.row()
    asked = when == "in the call"  # then the provider may charge for it
    assert (row["status"], row["failure"], row["attempts"]) == ("failed", "connection", 1)
    assert (row["cost_usd"], setting.kept()) == ((None, MOST) if asked else (0, 0))
    assert (reserved, setting.reserved()) == ([1], asked)
    assert not setting.failures()  # the user's doing, not the provider's


def test_a_connection_lost_during_the_call_leaves_one_row(setting: Setting) -> None:
    setting.server.script([Step(Behaviour.STATUS, status=500), Behaviour.OK])
    lost = []

    def lose(_: float) -> None:
        lost.extend(connection.info.backend_pid for connection in setting.ledger._idle)
        with psycopg.connect(setting.owner_dsn) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (lost[0],))

    setting.client(sleep=lose).generate(question())
    assert len(lost) == 1
    assert lost != [connection.info.backend_pid for connection in setting.ledger._idle]
    assert setting.row()["status"] == "succeeded"


def test_calls_at_once_are_bounded(setting: Setting) -> None:
    with LoopbackServer(crowd := Crowd()) as server:
        client = setting.client(EMBEDDING, server=server, max_concurrency=2)
        with ThreadPoolExecutor(6) as executor:
            list(executor.map(client.embed, [["a text"]] * 8))
    assert (crowd.most, len(setting.rows())) == (2, 8)
