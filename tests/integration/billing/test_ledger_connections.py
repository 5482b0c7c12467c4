"""The connections of the ledger: one for each thread that asks, opened again where they are lost."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from precedent.providers.runtime.ledger import MOST_CONNECTIONS, Ledger
from tests.integration.billing.test_ledger import LIMITS, ask, entry, rows

pytest_plugins = ["tests.integration.billing.ledger_fixtures"]
WAITING = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT settle_call%%' AND wait_event_type = 'Lock'"


def backend(ledger: Ledger) -> int:
    (connection,) = ledger._idle
    return connection.info.backend_pid


def wait_for(connection: "psycopg.Connection[Any]", query: str, values: Sequence[Any] = ()) -> int:
    for _ in range(500):
        found = connection.execute(query, values).fetchone()
        if found:
            return int(found[0])
        time.sleep(0.01)
    raise AssertionError(query)


def test_a_connection_lost_between_and_in_mid_air_costs_no_row_and_doubles_none(
    ledger: Ledger, tenant_id: int, owner_dsn: str
) -> None:
    ask(ledger)
    with psycopg.connect(owner_dsn, autocommit=True) as owner, psycopg.connect(owner_dsn) as blocker:
        first = backend(ledger)
        owner.execute("SELECT pg_terminate_backend(%s)", (first,))
        ledger.settle(entry(), None, "ok", LIMITS)
        assert backend(ledger) != first
        second = backend(ledger)
        blocker.execute("LOCK TABLE usage_records IN EXCLUSIVE MODE")
        settling = threading.Thread(target=ledger.settle, args=(entry(), None, "ok", LIMITS))
        settling.start()
        stuck = wait_for(owner, WAITING + " AND pid = %s", (second,))
        owner.execute("SELECT pg_terminate_backend(%s)", (stuck,))
        wait_for(owner, WAITING + " AND pid <> %s", (stuck,))  # tried again, on a connection of its own
        blocker.rollback()
        settling.join(timeout=30)
    assert rows(owner_dsn, tenant_id) == [(2,)]


def test_no_thread_waits_for_the_row_of_another_one(ledger: Ledger, tenant_id: int, owner_dsn: str) -> None:
    ask(ledger)
    with psycopg.connect(owner_dsn) as blocker:
        blocker.execute("LOCK TABLE usage_records IN EXCLUSIVE MODE")
        settling = threading.Thread(target=ledger.settle, args=(entry(), None, "ok", LIMITS))
        settling.start()
        with psycopg.connect(owner_dsn, autocommit=True) as owner:
            wait_for(owner, WAITING + " AND pid <> %s", (0,))
        assert ask(ledger, name="another").verdict == "go"
        blocker.rollback()
        settling.join(timeout=30)
    assert rows(owner_dsn, tenant_id) == [(1,)]


def test_many_threads_take_a_bounded_number_of_connections(ledger: Ledger, owner_dsn: str) -> None:
    threads = 5 * MOST_CONNECTIONS
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT * FROM admit_call%%'"
    with ThreadPoolExecutor(threads) as executor:
        with psycopg.connect(owner_dsn) as blocker, psycopg.connect(owner_dsn, autocommit=True) as owner:
            blocker.execute("LOCK TABLE provider_health IN ACCESS EXCLUSIVE MODE")
            asked = [executor.submit(ask, ledger) for _ in range(threads)]
            wait_for(owner, waiting + " AND wait_event_type = 'Lock' HAVING count(*) >= %s", (MOST_CONNECTIONS,))
            time.sleep(0.3)
            found = wait_for(owner, waiting)
        assert {future.result().verdict for future in asked} == {"go"}
    assert found == MOST_CONNECTIONS
