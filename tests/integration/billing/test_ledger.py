"""The gate in PostgreSQL, asked by several real processes: breaker, limits, and one row for each call."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.config.options import PerformanceOptions
from precedent.providers.runtime.ledger import Admission, Ledger, UsageEntry
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from tests.integration.billing.ledger_fixtures import child

pytest_plugins = ["tests.integration.billing.ledger_fixtures"]
LIMITS = PerformanceOptions(opens_after=3, cooldown_s=20, reservation_s=300)
NAME = "primary"

# In a process of its own: outages are settled, then calls asked for, as soon as a line arrives.
ASK = """
import json, sys, time
from uuid import uuid4
from precedent.database.session import Database
from precedent.providers.config.options import PerformanceOptions
from precedent.providers.runtime.ledger import Ledger, UsageEntry

tenant_id, limits, asked, outages, tokens = json.loads(sys.argv[1])
ledger, limits = Ledger(Database.open(), tenant_id), PerformanceOptions(**limits)
for _ in range(outages):
    entry = UsageEntry(uuid4(), "primary", "openai", "m", "1", "embed", "etl", 1.0, 1, "failed", failure="unavailable")
    ledger.settle(entry, None, "outage", limits)
print("ready", flush=True)
sys.stdin.readline()
found = []
for _ in range(asked):
    given = ledger.admit("primary", "1", limits, tokens=tokens, amount=None, free=True)
    found.append([given.verdict, time.time() + given.wait_s])
print(json.dumps(found))
"""


def entry(**changes: Any) -> UsageEntry:
    made = UsageEntry(
        call_id=uuid4(),
        provider=NAME,
        driver="openai",
        model="m",
        revision="1",
        operation="embed",
        route="etl",
        latency_ms=12.0,
        attempts=1,
        status="succeeded",
        cost_usd=Decimal(0),
    )
    return replace(made, **changes)


def fail(ledger: Ledger, times: int = 1, outcome: str = "outage", *, is_trial: bool = False, **changes: Any) -> None:
    for _ in range(times):
        failed = entry(status="failed", failure="unavailable", **changes)
        ledger.settle(failed, None, outcome, LIMITS, "HTTP 500", is_trial=is_trial)


def ask(
    ledger: Ledger, limits: PerformanceOptions = LIMITS, revision: str = "1", name: str = NAME, **values: Any
) -> Admission:
    return ledger.admit(name, revision, limits, **{"tokens": 10, "amount": None, "free": True, **values})


def end_pause(owner_dsn: str, tenant_id: int) -> None:
    with psycopg.connect(owner_dsn) as connection:
        connection.execute(
            "UPDATE provider_health SET open_until = clock_timestamp() - interval '1 ms' WHERE tenant_id = %s",
            (tenant_id,),
        )


def in_processes(
    home: Path, tenant_id: int, count: int, limits: dict[str, Any], *, asked: int, outages: int = 0, tokens: int = 10
) -> list[tuple[str, float]]:
    """What so many processes were answered that all began to ask at once."""
    given = json.dumps([tenant_id, limits, asked, outages, tokens])
    children = [child(home, ASK, given) for _ in range(count)]
    for each in children:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    return [tuple(row) for each in children for row in json.loads(each.communicate(timeout=60)[0])]


def rows(owner_dsn: str, tenant_id: int, columns: str = "count(*)") -> list[tuple[Any, ...]]:
    with psycopg.connect(owner_dsn) as connection:
        return connection.execute(f"SELECT {columns} FROM usage_records WHERE tenant_id = %s", (tenant_id,)).fetchall()


def test_the_breaker_is_one_for_all_processes(platform_home: Path, ledger: Ledger, tenant_id: int) -> None:
    fail(ledger, 2)
    assert ask(ledger).verdict == "go"
    limits = {"opens_after": 3, "cooldown_s": 20.0}
    # The third outage happens in another process, and that one and this one both see the breaker open.
    assert [verdict for verdict, _ in in_processes(platform_home, tenant_id, 1, limits, asked=2, outages=1)] == [
        "open",
        "open",
    ]
    found = ask(ledger)
    assert (found.verdict, found.detail) == ("open", "unavailable")
    assert 15 < found.wait_s <= 20


def test_half_open_lets_one_of_many_through_and_its_success_closes(
    database: Database, ledger: Ledger, tenant_id: int, owner_dsn: str
) -> None:
    fail(ledger, 3)
    end_pause(owner_dsn, tenant_id)
    start = threading.Barrier(16)

    def ask_alone(_: int) -> str:
        own = Ledger(database, tenant_id)
        ask(own, name="another")  # connected before the race begins
        start.wait(timeout=30)
        verdict = ask(own).verdict
        own.close()
        return verdict

    with ThreadPoolExecutor(16) as executor:
        assert sorted(executor.map(ask_alone, range(16))) == ["go"] + ["open"] * 15
    ledger.settle(entry(), None, "ok", LIMITS)
    assert [ask(ledger).verdict for _ in range(3)] == ["go"] * 3
    fail(ledger, 2)
    assert ask(ledger).verdict == "go"  # outages are counted from the beginning


def test_each_failed_trial_doubles_the_pause(ledger: Ledger, tenant_id: int, owner_dsn: str) -> None:
    fail(ledger, 3)
    pauses = []
    for _ in range(6):
        pauses.append(ask(ledger).wait_s)
        end_pause(owner_dsn, tenant_id)
        trial = ask(ledger)
        assert (trial.verdict, trial.is_trial) == ("go", True)
        fail(ledger, 5)  # calls that were under way when the breaker opened
        fail(ledger, is_trial=True)
    assert pauses == pytest.approx([20, 40, 80, 160, 320, 320], abs=3)


def test_a_refused_key_opens_until_the_row_is_edited(ledger: Ledger, tenant_id: int, owner_dsn: str) -> None:
    fail(ledger, outcome="refuses")
    assert ask(ledger).verdict == "open"
    with psycopg.connect(owner_dsn) as connection:
        found = connection.execute(
            "SELECT open_until = 'infinity' FROM provider_health WHERE tenant_id = %s", (tenant_id,)
        ).fetchone()
    assert found == (True,)
    fail(ledger, outcome="answered")  # a call that was under way says nothing of the key
    assert ask(ledger).verdict == "open"
    assert ask(ledger, revision="2").verdict == "go"
    ledger.settle(entry(revision="2"), None, "ok", LIMITS)
    assert ask(ledger, revision="2").verdict == "go"


def test_others_are_unaffected_by_an_open_breaker(database: Database, ledger: Ledger) -> None:
    fail(ledger, 3)
    other = Ledger(database, tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].id)
    assert (ask(ledger).verdict, ask(other).verdict, ask(ledger, name="second").verdict) == ("open", "go", "go")


def test_answers_of_no_use_are_no_outages(ledger: Ledger, tenant_id: int, owner_dsn: str) -> None:
    fail(ledger, 2)
    fail(ledger, outcome="answered")
    fail(ledger, 2)
    assert ask(ledger).verdict == "go"
    fail(ledger)
    end_pause(owner_dsn, tenant_id)
    assert [ask(ledger).verdict for _ in range(2)] == ["go", "open"]
    fail(ledger, outcome="answered")
    assert ask(ledger).verdict == "go"


def test_a_trial_without_result_is_given_back(
    database: Database, ledger: Ledger, tenant_id: int, owner_dsn: str
) -> None:
    fail(ledger, 3)
    end_pause(owner_dsn, tenant_id)
    assert ask(ledger).verdict == "go"
    assert ask(ledger).wait_s == pytest.approx(LIMITS.reservation_s, abs=3)
    fail(ledger, outcome="other")  # another call, that was interrupted
    assert ask(ledger).wait_s == pytest.approx(LIMITS.reservation_s, abs=3)
    fail(ledger, outcome="other", is_trial=True)
    assert ask(ledger).wait_s == pytest.approx(LIMITS.cooldown_s, abs=3)
    end_pause(owner_dsn, tenant_id)
    policies.save(database, tenant_id, None, {"monthly_budget_usd": Decimal(1)})
    assert ask(ledger, amount=Decimal(2), free=False).verdict == "budget"
    assert ask(ledger, amount=Decimal(1), free=False).verdict == "go"


@pytest.mark.parametrize(
    "limit", [{"requests_per_minute": 60}, {"tokens_per_minute": 6000}], ids=["requests", "tokens"]
)
def test_limits_hold_across_processes(platform_home: Path, tenant_id: int, limit: dict[str, int]) -> None:
    given = in_processes(platform_home, tenant_id, 4, {**limit, "longest_wait_s": 1000.0}, asked=30, tokens=100)
    assert [verdict for verdict, _ in given] == ["go"] * 120
    starts = sorted(start for _, start in given)
    # One each 10/9 s after a burst of six: the clock is read after the answer came, hence the tolerance.
    for place, start in enumerate(starts):
        assert start - starts[0] == pytest.approx(max(0, place - 5) / 0.9, abs=0.4)
    for start in starts:
        assert sum(start <= other < start + 59.5 for other in starts) <= 60


def test_a_slot_too_far_away_is_refused_and_not_taken(ledger: Ledger) -> None:
    limits = LIMITS.model_copy(update={"requests_per_minute": 60, "longest_wait_s": 3})
    found = [ask(ledger, limits) for _ in range(14)]
    assert [admission.verdict for admission in found] == ["go"] * 8 + ["limit"] * 6
    assert found[7].wait_s == pytest.approx(2 / 0.9, abs=0.2)
    assert [admission.wait_s for admission in found[8:]] == pytest.approx([3 / 0.9] * 6, abs=0.2)
    assert ask(ledger, limits.model_copy(update={"longest_wait_s": 4})).verdict == "go"
    assert ask(ledger, limits.model_copy(update={"requests_per_minute": None})).verdict == "go"


def test_a_call_with_many_tokens_waits_for_its_share(ledger: Ledger) -> None:
    limits = LIMITS.model_copy(update={"tokens_per_minute": 6000})
    assert ask(ledger, limits, tokens=3000).wait_s == 0
    assert ask(ledger, limits, tokens=10).wait_s == pytest.approx(30 / 0.9 - 6 / 0.9, abs=0.5)


def test_a_pause_keeps_everybody_waiting(database: Database, ledger: Ledger, tenant_id: int) -> None:
    ledger.pause(NAME, "1", 30)
    ledger.pause(NAME, "1", 5)  # a shorter one does not cut it
    other = Ledger(database, tenant_id)
    assert ask(other).wait_s == pytest.approx(30, abs=1)
    assert ask(other, retry=True).wait_s == pytest.approx(30, abs=1)
    assert ask(other, LIMITS.model_copy(update={"longest_wait_s": 10})).verdict == "limit"
    assert ask(other, name="second").wait_s == 0


def test_a_call_is_written_once(ledger: Ledger, tenant_id: int, owner_dsn: str) -> None:
    call = entry(cost_usd=Decimal("0.25"))
    for _ in range(2):
        ledger.settle(call, None, "ok", LIMITS)
    assert rows(owner_dsn, tenant_id) == [(1,)]
    with psycopg.connect(owner_dsn) as connection:
        spent = connection.execute("SELECT spent_usd FROM budget_months WHERE tenant_id = %s", (tenant_id,)).fetchall()
    assert spent == [(Decimal("0.25"),)]
