"""Providers on loopback with a changed wire, and a tenant whose ledger is PostgreSQL's own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.registry import driver_type
from precedent.providers.runtime.endpoint import endpoint_of
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.testing.bench import Bench
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import WIRES
from precedent.settings import Settings
from precedent.sources import repository as sources
from precedent.tenants import policies, tenants
from tests.fuzz.strategies.answers import Change, ChangedWire
from tests.integration.providers.provider_servers import RECOMMENDATION

CALLS = [
    (driver, capability) for driver in sorted(WIRES) for capability in sorted(driver_type(driver).info.capabilities)
]
# So much that no case is refused for it, so that each asks for money and gives it back.
BUDGET = Decimal(10) ** 7


@dataclass(slots=True)
class Metered:
    """A client of one driver for one capability, and the wire that it talks to."""

    client: MeteredClient
    wire: ChangedWire


class Lab:
    """A tenant with a provider of every driver on loopback."""

    def __init__(
        self, database: Database, owner: psycopg.Connection[Any], settings: Settings, opened: ExitStack
    ) -> None:
        self.database, self.owner, self.settings = database, owner, settings
        self.name = f"fuzz-{uuid4().hex[:8]}"
        self.tenant_id = tenants.add(database, self.name)[0].id
        policies.save(database, self.tenant_id, None, {"monthly_budget_usd": BUDGET, "allow_unpriced": True})
        self.source_id = sources.add(
            database, self.name, "records", "statuspage", {"url": "https://status.example.com"}
        ).id
        self.calls = {call: self._metered(*call, opened) for call in CALLS}

    def _metered(self, driver: str, capability: Capability, opened: ExitStack) -> Metered:
        wire = ChangedWire(WIRES[driver]())
        server = opened.enter_context(LoopbackServer(wire, answer=RECOMMENDATION))
        bench = Bench(driver_type(driver), wire.wire, server, {})
        provider = bench.provider(
            capability,
            name=f"{driver.replace('_', '-')}-{capability.value.replace('_', '-')}",
            performance={"timeout_s": 20, "max_attempts": 3, "opens_after": 1_000_000},
            cost={"input_per_million": 1.0, "output_per_million": 2.0} if driver == "copilot" else {},
        )
        endpoint = endpoint_of(
            save(self.database, self.settings, self.name, Provider.model_validate(provider), replace=True)
        )
        ledger = Ledger(self.database, self.tenant_id)
        opened.callback(ledger.close)
        policy = policies.get(self.database, self.tenant_id)
        context = CallContext(self.tenant_id)
        return Metered(MeteredClient(endpoint, ledger, policy, context, self.settings, sleep=lambda _: None), wire)

    def begin(self, call: tuple[str, Capability], change: Change) -> MeteredClient:
        """The client of a driver, which no earlier case keeps from calling, and whose server now answers so."""
        self.owner.execute("DELETE FROM provider_health WHERE tenant_id = %s", (self.tenant_id,))
        metered = self.calls[call]
        metered.wire.change = change
        return metered.client

    @contextmanager
    def rolled_back(self) -> Iterator["psycopg.Connection[Any]"]:
        """A transaction as the tenant, of which nothing stays."""
        with self.database.bulk(self.tenant_id) as connection:
            try:
                yield connection
            finally:
                connection.rollback()

    def rows(self, columns: str, table: str, which: str = "true") -> list[tuple[Any, ...]]:
        """What a table holds of the tenant."""
        statement = f"SELECT {columns} FROM {table} WHERE tenant_id = %s AND {which}"
        return self.owner.execute(statement, (self.tenant_id,)).fetchall()


@pytest.fixture(scope="module")
def lab(database: Database, owner_dsn: str) -> Iterator[Lab]:
    """A tenant with a provider of every driver; at its end the month's spending is the sum of the ledger's rows."""
    with ExitStack() as opened, psycopg.connect(owner_dsn, autocommit=True) as owner:
        found = Lab(database, owner, Settings.from_environment(), opened)
        yield found
        (spent,) = found.rows("coalesce(sum(cost_usd), 0)", "usage_records")
        assert found.rows("coalesce(sum(spent_usd), 0)", "budget_months") == [spent]
