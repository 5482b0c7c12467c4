"""What was paid for is kept where a run ends early, by a kill or without money, and is not paid for again."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestration.instance import dagster_instance
from orchestration.pools import POOLS
from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.testing.loopback import Request
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
PASSAGES = ("--select", "raw", "--select", "text", "--select", "vectors")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as running:
        yield running


def add(database: Database, tenant: str, server: LoopbackServer, capability: str, model: str, **changes: Any) -> None:
    wire = OpenAIWire()
    fields = {
        "name": capability,
        "driver": "openai",
        "capability": capability,
        "model": model,
        "base_url": wire.base_url(server.url),
        "credentials": {"api_key": wire.key},
        "active": True,
        "cost": {"input_per_million": 1, "output_per_million": 1},
        **changes,
    }
    save(database, Settings.from_environment(), tenant, Provider.model_validate(fields), replace=True)


def counted(owner_dsn: str, tenant: str, table: str) -> int:
    with psycopg.connect(owner_dsn) as connection:
        query = f"SELECT count(*) FROM {table} x JOIN tenants t ON t.id = x.tenant_id WHERE t.name = %s"
        row = connection.execute(query, (tenant,)).fetchone()
    return int(row[0]) if row else 0


def killed_at(server: LoopbackServer, call: int, key: str, home: Path) -> None:
    """Run a refresh that is killed when this call arrives; those before have been answered."""
    command = [sys.executable, "-m", "orchestration.cli", "refresh", key]
    environment = {**os.environ, "PRECEDENT_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:

        def kill(_: Request) -> None:
            if len(server.calls) == call - 1:
                run.kill()

        server.before = kill
        assert run.wait(timeout=180) == -9
    server.before = lambda _: None


def test_a_killed_run_keeps_the_vectors_of_every_request_that_was_answered(
    precedent: Call,
    database: Database,
    tenant: str,
    server: LoopbackServer,
    owner_dsn: str,
    archive: Path,
    platform_home: Path,
) -> None:
    key = f"{tenant}/records"
    assert precedent("source", "add", key, archive)[0] == 0
    performance = {"batch_inputs": 2, "max_concurrency": 1}
    options = {"dimensions": 8}
    add(database, tenant, server, "embedding", "text-embedding-3-small", options=options, performance=performance)
    with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
        instance.event_log_storage.set_concurrency_slots(POOLS[Capability.EMBEDDING], 1)  # as `up` does
    killed_at(server, 3, key, platform_home)
    paid = [text for request in server.calls[:2] for text in request.json["input"]]
    assert (len(paid), counted(owner_dsn, tenant, "embeddings")) == (4, 4)
    server.behave()
    assert held_places(database) == 1
    assert precedent("refresh", key, *PASSAGES)[0] == 0
    again = [text for request in server.calls for text in request.json["input"]]
    assert (len(again), set(again) & set(paid)) == (3, set())
    assert held_places(database) == 0


def held_places(database: Database) -> int:
    """Places of the pool that runs hold, also those that are gone."""
    with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
        pool = instance.event_log_storage.get_concurrency_info(POOLS[Capability.EMBEDDING])
        return pool.active_slot_count


def test_requests_that_were_paid_for_are_kept_where_the_next_one_is_not_made(
    precedent: Call, database: Database, tenant: str, server: LoopbackServer, owner_dsn: str, archive: Path
) -> None:
    key = f"{tenant}/records"
    assert precedent("source", "add", key, archive)[0] == 0
    performance = {"batch_inputs": 2, "max_concurrency": 1}
    add(
        database,
        tenant,
        server,
        "embedding",
        "text-embedding-3-small",
        options={"dimensions": 8},
        performance=performance,
    )
    owner = tenancy.get(database, tenant).id
    policies.save(database, owner, None, {"monthly_budget_usd": Decimal(1)})
    server.behave()

    def spend(_: Request) -> None:
        if len(server.calls) == 1:  # before the second of four requests
            policies.save(database, owner, None, {"monthly_budget_usd": Decimal(0)})

    server.before = spend
    code, _, error = precedent("refresh", key, *PASSAGES)
    assert code == 1
    assert "budget of this month is used up" in error
    paid = [text for request in server.calls for text in request.json["input"]]
    assert (len(paid), counted(owner_dsn, tenant, "embeddings")) == (4, 4)

    server.before = lambda _: None
    policies.save(database, owner, None, {"monthly_budget_usd": Decimal(1)})
    server.behave()
    assert precedent("refresh", key, *PASSAGES)[0] == 0
    again = [text for request in server.calls for text in request.json["input"]]
    assert (len(again), set(again) & set(paid)) == (3, set())
    assert counted(owner_dsn, tenant, "embeddings") == 7
