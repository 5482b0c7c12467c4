"""What a provider charges for is booked or kept, whatever becomes of the answer and whatever it says of itself."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.ledger import UsageEntry
from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.question import question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.providers.tokens import TokenUsage
from precedent.tenants import policies
from precedent.testing.loopback import Request
from tests.integration.billing.metering import WIRE, Setting

# An answer of the contract's 500 tokens costs 2 USD, whatever its prompt.
DEAR = {"input_per_million": 1, "output_per_million": 4000}
ANSWER = Decimal(2)
BUDGET = Decimal(10)
PATIENCE: dict[str, Any] = {"opens_after": 1000, "max_attempts": 3, "timeout_s": 5}


class OddWire(OpenAIWire):
    """Says of its answers what it is told to say."""

    def __init__(self) -> None:
        super().__init__("none")
        self.said: dict[str, Any] = {}
        self.header: str | None = None

    def priced(self, body: dict[str, Any]) -> Reply:
        headers = {} if self.header is None else {"x-litellm-response-cost": self.header}
        return Reply({**body, "usage": {**body["usage"], **self.said}}, headers=headers)


class LongWire(OpenAIWire):
    """Its answers take all the tokens that they may."""

    usage = TokenUsage(42, 500)


@pytest.fixture
def setting(database: Database, owner_dsn: str) -> Iterator[Setting]:
    with LoopbackServer(WIRE) as server:
        setting = Setting(database, server, owner_dsn)
        yield setting
        setting.ledger.close()


def limit(setting: Setting, usd: Decimal = BUDGET, **changes: Any) -> None:
    policies.save(setting.database, setting.tenant_id, None, {"monthly_budget_usd": usd, **changes})


def booked(setting: Setting) -> Decimal:
    return sum((row["cost_usd"] or Decimal(0) for row in setting.rows()), Decimal(0))


@pytest.mark.parametrize("behaviour", [Behaviour.SLOW, Behaviour.DRIP, Behaviour.RESET, Behaviour.BROKEN])
def test_an_answer_that_never_came_is_unpriced_and_its_money_stays_set_aside(
    setting: Setting, behaviour: Behaviour
) -> None:
    limit(setting)
    setting.server.behave(behaviour)
    client = setting.client(cost=DEAR, **{**PATIENCE, "timeout_s": 0.3})
    kinds = {setting.failure(client).kind for _ in range(8)}
    assert FailureKind.BUDGET in kinds
    assert {row["cost_usd"] for row in setting.rows() if row["status"] == "failed"} == {None}
    assert len(setting.server.calls) == 4
    assert BUDGET >= setting.kept() >= 4 * ANSWER
    with psycopg.connect(setting.owner_dsn) as owner:
        owner.execute("UPDATE usage_records SET cost_usd = 1 WHERE tenant_id = %s", (setting.tenant_id,))
    assert setting.kept() == 0


def test_what_never_reached_the_provider_costs_nothing(setting: Setting) -> None:
    limit(setting)
    with LoopbackServer(WIRE) as gone:
        pass
    assert setting.failure(setting.client(server=gone, cost=DEAR, **PATIENCE)).kind is FailureKind.CONNECTION
    assert (setting.row()["cost_usd"], setting.reserved()) == (0, 0)


def test_an_answer_that_drips_ends_at_the_deadline(setting: Setting) -> None:
    setting.server.behave(Behaviour.DRIP)
    began = time.monotonic()
    failure = setting.failure(setting.client(timeout_s=0.3, max_attempts=1))
    assert failure.kind is FailureKind.TIMEOUT
    assert time.monotonic() - began < 4  # the answer takes half a minute, and no read more than .1 s


def test_a_repair_is_not_made_where_the_budget_does_not_allow_it(setting: Setting) -> None:
    limit(setting, Decimal("2.5"))
    setting.server.behave(Behaviour.PROSE)
    wire = LongWire("none")
    with LoopbackServer(wire) as server:
        server.behave(Behaviour.PROSE)
        failure = setting.failure(setting.client(server=server, wire=wire, cost=DEAR, **PATIENCE))
        assert (failure.kind, len(server.calls)) == (FailureKind.INVALID_ANSWER, 1)
    assert ANSWER <= booked(setting) <= Decimal("2.5")


@pytest.mark.parametrize(
    "said",
    [
        {"prompt_tokens": -5},
        {"completion_tokens": -1},
        {"prompt_tokens": 10**30},
        {"completion_tokens": 1e30},
        {"prompt_tokens": float("nan")},
        {"prompt_tokens": "many"},
        {"completion_tokens": {"a": 1}},
        {"completion_tokens": True},
        {"completion_tokens": 1.5},
    ],
    ids=str,
)
def test_counts_that_cannot_be_are_none_and_the_most_counts(setting: Setting, said: dict[str, Any]) -> None:
    wire = OddWire()
    wire.said = said
    limit(setting)
    with LoopbackServer(wire) as server:
        setting.client(server=server, wire=wire, cost=DEAR, **PATIENCE).generate(question())
    row = setting.row()
    assert (row["status"], row["tokens_estimated"], row["output_tokens"]) == ("succeeded", True, 500)
    assert ANSWER <= row["cost_usd"] < ANSWER + Decimal("0.01")
    assert setting.reserved() == 0


@pytest.mark.parametrize("details", [7, "x", {"cached_tokens": -3}, {"cached_tokens": 10**40}, []], ids=str)
def test_odd_details_cost_no_answer(setting: Setting, details: Any) -> None:
    wire = OddWire()
    wire.said = {"prompt_tokens_details": details}
    with LoopbackServer(wire) as server:
        setting.client(server=server, wire=wire).generate(question())
    row = setting.row()
    assert (row["input_tokens"], row["output_tokens"], row["cached_tokens"]) == (42, 17, 0)


@pytest.mark.parametrize("header", ["1e400", "NaN", "-3", "abc", "1e30", "Infinity", "", "99999999999"])
def test_a_cost_that_cannot_be_is_none(setting: Setting, header: str) -> None:
    wire = OddWire()
    wire.header = header
    limit(setting, allow_unpriced=True)
    with LoopbackServer(wire) as server:
        client = setting.client(server=server, wire=wire, driver=GatewayDriver, cost={"cached_per_million": 1})
        client.generate(question())
    assert (setting.row()["cost_usd"], setting.reserved()) == (None, 0)


@pytest.mark.parametrize("message", ["NUL \x00 inside", "half \ud800 a pair"])
def test_what_a_server_writes_never_costs_the_row(setting: Setting, message: str) -> None:
    limit(setting)
    setting.server.script([Step(Behaviour.STATUS, status=400, message=message)])
    assert setting.failure(setting.client()).kind is FailureKind.INVALID_REQUEST
    assert (setting.row()["failure"], setting.reserved()) == ("invalid_request", 0)


def test_a_row_that_the_database_refuses_is_written_without_what_came_from_outside(setting: Setting) -> None:
    limit(setting)
    performance = setting.client().endpoint.provider.performance
    given = setting.ledger.admit("one", "1", performance, tokens=1, amount=Decimal(3), free=False)
    call = setting.client().context
    entry = UsageEntry(
        call_id=uuid4(),
        provider="one",
        driver="openai",
        model="m",
        revision="1",
        operation="generate",
        route=call.route,
        latency_ms=1.0,
        attempts=1,
        status="succeeded",
        http_status=10**12,
        cost_usd=Decimal(1),
    )
    setting.ledger.settle(entry, given.reservation, "ok", performance)
    row = setting.row()
    assert (row["status"], row["attempts"], row["cost_usd"], row["http_status"]) == ("succeeded", 1, None, None)
    assert setting.kept() == 3  # what it cost is not known, and it is not free


def test_a_call_belongs_to_the_month_in_which_it_began(setting: Setting) -> None:
    limit(setting)
    setting.server.behave(Behaviour.PROSE)

    def new_year(_: float) -> None:
        """The month ends between two attempts."""
        with psycopg.connect(setting.owner_dsn) as owner:
            owner.execute(
                "UPDATE budget_reservations SET created_at = created_at - interval '1 month', "
                "month = (month - interval '1 month')::date WHERE tenant_id = %s",
                (setting.tenant_id,),
            )

    setting.failure(setting.client(sleep=new_year, cost=DEAR, **PATIENCE))
    with psycopg.connect(setting.owner_dsn) as owner:
        months = owner.execute(
            "SELECT month < budget_month(clock_timestamp()), spent_usd FROM budget_months "
            "WHERE tenant_id = %s AND spent_usd > 0",
            (setting.tenant_id,),
        ).fetchall()
    assert months == [(True, setting.row()["cost_usd"])]
    assert setting.reserved() == 0


def test_money_stays_set_aside_for_as_long_as_the_call_runs(setting: Setting) -> None:
    limit(setting)
    setting.server.script([Step(Behaviour.STATUS, status=500), Behaviour.OK])
    query = "SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM budget_reservations WHERE tenant_id = %s"
    left: list[float] = []

    def look(_: float) -> None:
        with psycopg.connect(setting.owner_dsn) as owner:
            left.extend(float(row[0]) for row in owner.execute(query, (setting.tenant_id,)))
            owner.execute("UPDATE budget_reservations SET expires_at = expires_at - interval '1 hour'")

    client = setting.client(sleep=look, reservation_s=1, **PATIENCE)  # shorter than an attempt may take
    setting.server.before = lambda _: look(0)
    client.generate(question())
    setting.server.before = lambda _: None
    performance = client.endpoint.provider.performance
    assert len(left) == 3  # at the first attempt, before the second, at the second: renewed
    assert min(left[0], left[2]) > performance.longest_wait_s + performance.timeout_s


def test_a_call_waits_for_the_money_of_calls_under_way(setting: Setting) -> None:
    limit(setting, Decimal("2.5"))
    performance = setting.client().endpoint.provider.performance
    other = setting.ledger.admit("other", "1", performance, tokens=1, amount=Decimal(2), free=False)

    def settled(seconds: float) -> None:
        setting.slept.append(seconds)
        with psycopg.connect(setting.owner_dsn) as owner:
            owner.execute("DELETE FROM budget_reservations WHERE id = %s", (other.reservation,))

    setting.client(sleep=settled, cost=DEAR, **PATIENCE).generate(question())
    assert (setting.slept, setting.row()["status"]) == ([1.0], "succeeded")


def test_a_refusal_says_what_the_call_may_cost(setting: Setting) -> None:
    limit(setting, Decimal(1))
    with pytest.raises(ProviderError, match=r"0.000000 of 1.00 USD spent, .* and the call may cost 2\.000"):
        setting.client(cost=DEAR).generate(question())


class Slow(OpenAIWire):
    """Fails after a while."""

    models: ClassVar = OpenAIWire.models

    def respond(self, request: Request, step: Step) -> Reply:
        time.sleep(0.3)
        return super().respond(request, step)


def test_failures_under_way_are_no_failed_trials(setting: Setting) -> None:
    with LoopbackServer(Slow("none")) as server:
        server.behave(Behaviour.STATUS, status=500)
        client = setting.client(server=server, max_attempts=1, opens_after=2, cooldown_s=30, max_concurrency=8)
        with ThreadPoolExecutor(8) as executor:
            list(executor.map(lambda _: setting.failure(client), range(8)))
    given = setting.ledger.admit("primary", "0", client.endpoint.provider.performance, tokens=1, amount=None, free=True)
    assert given.verdict == "open"
    assert given.wait_s <= 30
    assert setting.failures() == 2


def test_answers_of_no_use_open_the_breaker(setting: Setting) -> None:
    setting.server.behave(Behaviour.PROSE)
    client = setting.client(max_attempts=2, opens_after=2)
    kinds = [setting.failure(client).kind for _ in range(3)]
    assert kinds == ["invalid_answer", "invalid_answer", "breaker_open"]
    assert len(setting.server.requests) == 4
