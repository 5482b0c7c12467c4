"""A month's budget: reserved before a call, settled after it, never overspent, not even by killed processes."""

import json
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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
LIMITS = PerformanceOptions(reservation_s=300)
PROCESSES, THREADS, EACH = 8, 5, 25

# Threads with connections of their own, all at once as soon as a line arrives; `settle` ends each call at a lower cost.
RACE = """
import json, sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from uuid import uuid4
from precedent.database.session import Database
from precedent.providers.config.options import PerformanceOptions
from precedent.providers.runtime.ledger import Ledger, UsageEntry

tenant_id, threads, each, amount, cost = json.loads(sys.argv[1])
database, limits = Database.open(), PerformanceOptions(reservation_s=300)
ledgers = [Ledger(database, tenant_id) for _ in range(threads)]
for ledger in ledgers:
    ledger.admit("warm", "1", limits, tokens=1, amount=None, free=True)

def race(ledger):
    found = Counter()
    for _ in range(each):
        given = ledger.admit("paid", "1", limits, tokens=1, amount=Decimal(amount), free=False)
        found[given.verdict] += 1
        if given.verdict == "go" and cost:
            entry = UsageEntry(uuid4(), "paid", "openai", "m", "1", "embed", "etl", 1.0, 1, "succeeded",
                               cost_usd=Decimal(cost))
            ledger.settle(entry, given.reservation, "ok", limits)
    return found

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(threads) as executor:
    print(json.dumps(sum(executor.map(race, ledgers), Counter())))
"""
HOLD = """
import sys, time
from decimal import Decimal
from precedent.database.session import Database
from precedent.providers.config.options import PerformanceOptions
from precedent.providers.runtime.ledger import Ledger

given = Ledger(Database.open(), int(sys.argv[1])).admit(
    "paid", "1", PerformanceOptions(max_attempts=1, timeout_s=.1, longest_wait_s=.1), tokens=1, amount=Decimal(1),
    free=False)
print(given.verdict, flush=True)
time.sleep(60)
"""


def limit(database: Database, tenant_id: int, usd: str, **changes: Any) -> None:
    policies.save(database, tenant_id, None, {"monthly_budget_usd": Decimal(usd), **changes})


def reserve(ledger: Ledger, usd: str | None, limits: PerformanceOptions = LIMITS) -> Admission:
    return ledger.admit("paid", "1", limits, tokens=1, amount=Decimal(usd) if usd else None, free=False)


def settle(ledger: Ledger, reservation: int | None, usd: str | None) -> None:
    entry = UsageEntry(
        uuid4(),
        "paid",
        "openai",
        "m",
        "1",
        "embed",
        "etl",
        1.0,
        1,
        "succeeded",
        cost_usd=None if usd is None else Decimal(usd),
    )
    ledger.settle(entry, reservation, "ok", LIMITS)


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def taken(connection: "psycopg.Connection[Any]", tenant_id: int) -> tuple[Any, ...]:
    """What is spent and what is reserved, at one moment."""
    found: tuple[Any, ...] | None = connection.execute(
        "SELECT (SELECT coalesce(sum(spent_usd), 0) FROM budget_months WHERE tenant_id = %(t)s), "
        "(SELECT coalesce(sum(amount_usd), 0) FROM budget_reservations WHERE tenant_id = %(t)s)",
        {"t": tenant_id},
    ).fetchone()
    assert found is not None
    return found


@pytest.mark.parametrize("cost", [None, "0.0011"], ids=["only reserved", "settled for less"])
def test_a_thousand_reservations_at_once_never_overspend(
    platform_home: Path, database: Database, tenant_id: int, owner_dsn: str, cost: str | None
) -> None:
    budget, amount = Decimal("0.5"), Decimal("0.0037")
    limit(database, tenant_id, str(budget))
    arguments = json.dumps([tenant_id, THREADS, EACH, str(amount), cost])
    racers = [child(platform_home, RACE, arguments) for _ in range(PROCESSES)]
    assert [line(racer) for racer in racers] == ["ready"] * PROCESSES
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    seen = []
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        while any(racer.poll() is None for racer in racers):
            seen.append(sum(taken(owner, tenant_id)))
        verdicts = sum((Counter(json.loads(line(racer))) for racer in racers), Counter[str]())
        spent, held = taken(owner, tenant_id)
    assert verdicts.total() == PROCESSES * THREADS * EACH == 1000
    assert len(set(seen)) > 3  # looked at while they raced
    assert max(seen) <= budget
    if cost is None:
        assert verdicts["go"] == budget // amount == 135
        assert (spent, held) == (0, 135 * amount)
    else:
        # What is reserved for others under way may keep a call from the last dollar, and gives it back afterwards.
        assert (spent, held) == (verdicts["go"] * Decimal(cost), 0)
        assert spent <= budget < spent + PROCESSES * THREADS * amount
        assert verdicts["go"] > 135


def test_a_lower_cost_gives_the_difference_back(database: Database, ledger: Ledger, tenant_id: int) -> None:
    limit(database, tenant_id, "1")
    first = reserve(ledger, "0.6")
    refused = reserve(ledger, "0.6")
    assert (first.verdict, refused.verdict, refused.reservation) == ("go", "budget", None)
    assert refused.detail == "0.000000 of 1.00 USD spent, 0.600000 reserved, and the call may cost 0.600000"
    settle(ledger, first.reservation, "0.1")
    second = reserve(ledger, "0.6")
    assert (second.verdict, reserve(ledger, "0.6").verdict) == ("go", "budget")
    settle(ledger, second.reservation, "0.9")  # dearer than reserved: counted all the same
    assert reserve(ledger, "0.0000000001").verdict == "budget"
    limit(database, tenant_id, "2")
    assert reserve(ledger, "1").verdict == "go"


def test_the_whole_budget_can_be_spent_and_a_failed_call_costs_nothing(
    database: Database, ledger: Ledger, tenant_id: int
) -> None:
    limit(database, tenant_id, "1")
    settle(ledger, reserve(ledger, "1").reservation, "0")
    assert [reserve(ledger, "0.5").verdict for _ in range(3)] == ["go", "go", "budget"]


def test_a_killed_process_holds_its_reservation_for_a_while_only(
    platform_home: Path, database: Database, ledger: Ledger, tenant_id: int, owner_dsn: str
) -> None:
    limit(database, tenant_id, "1")
    holder = child(platform_home, HOLD, tenant_id)
    assert line(holder) == "go"
    held_since = time.monotonic()
    assert reserve(ledger, "1").verdict == "budget"
    holder.kill()
    assert holder.wait(timeout=10) == -9
    assert reserve(ledger, "1").verdict == "budget"
    lease_s = PerformanceOptions(max_attempts=1, timeout_s=0.1, longest_wait_s=0.1).reserved_s
    assert time.monotonic() - held_since < lease_s - 0.5
    time.sleep(max(0.0, held_since + lease_s + 0.1 - time.monotonic()))
    assert reserve(ledger, "1").verdict == "go"
    with psycopg.connect(owner_dsn) as owner:
        assert taken(owner, tenant_id) == (0, 1)  # the dead one's is gone, not just ignored


def test_calls_without_a_price_are_refused_under_a_budget(database: Database, ledger: Ledger, tenant_id: int) -> None:
    assert reserve(ledger, None).verdict == "go"
    limit(database, tenant_id, "1")
    assert reserve(ledger, None).verdict == "unpriced"
    assert ledger.admit("free", "1", LIMITS, tokens=1, amount=None, free=True).verdict == "go"
    limit(database, tenant_id, "1", allow_unpriced=True)
    unpriced = reserve(ledger, None)
    assert unpriced.verdict == "go"
    settle(ledger, unpriced.reservation, None)
    assert [reserve(ledger, "1").verdict, reserve(ledger, "0.1").verdict] == ["go", "budget"]
    assert reserve(ledger, None).verdict == "go"


def test_a_budget_is_of_one_tenant_and_one_month(
    database: Database, ledger: Ledger, tenant_id: int, owner_dsn: str
) -> None:
    limit(database, tenant_id, "1")
    with psycopg.connect(owner_dsn) as owner:
        owner.execute(
            "INSERT INTO usage_records (tenant_id, call_id, created_at, provider, driver, model, revision, operation, "
            "route, latency_ms, attempts, status, cost_usd) SELECT %s, gen_random_uuid(), now() - interval '32 days', "
            "'paid', 'openai', 'm', '1', 'embed', 'etl', 1, 1, 'succeeded', 5",
            (tenant_id,),
        )
    other = Ledger(database, tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].id)
    settle(other, None, "5")
    assert reserve(ledger, "1").verdict == "go"
    limit(database, other.tenant_id, "1")
    assert reserve(other, "1").verdict == "budget"
    other.close()


def test_what_is_spent_does_not_drift_from_the_rows(
    database: Database, ledger: Ledger, tenant_id: int, owner_dsn: str
) -> None:
    ledgers = [Ledger(database, tenant_id) for _ in range(4)]
    start = threading.Barrier(4)

    def spend(own: Ledger) -> None:
        start.wait(timeout=30)
        for number in range(25):
            settle(own, None, f"0.0{number:02d}1")
        own.close()

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(spend, ledgers))
    with psycopg.connect(owner_dsn) as owner:
        total = owner.execute("SELECT sum(cost_usd) FROM usage_records WHERE tenant_id = %s", (tenant_id,)).fetchone()
        assert total is not None
        assert taken(owner, tenant_id) == (total[0], 0)
        owner.execute("UPDATE usage_records SET cost_usd = 1 WHERE tenant_id = %s", (tenant_id,))
        assert taken(owner, tenant_id) == (100, 0)
