"""A tenant, a server on loopback and metered clients, for tests of what is around a call."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from precedent.database.session import Database
from precedent.providers.base import Capability, Driver
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.errors import ProviderError
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.testing.question import question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.base import Wire
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from tests.endpoints import endpoint

TEXT, EMBEDDING = Capability.TEXT_GENERATION, Capability.EMBEDDING
# An endpoint without credentials has no key, and the driver sends this word in its place.
WIRE = OpenAIWire("none")


class Setting:
    """A tenant, a server and clients; `slept` holds what a client would have waited."""

    def __init__(self, database: Database, server: LoopbackServer, owner_dsn: str) -> None:
        self.database, self.server, self.owner_dsn = database, server, owner_dsn
        self.tenant_id = tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].id
        self.ledger = Ledger(database, self.tenant_id)
        self.slept: list[float] = []
        server.behave()

    def client(
        self,
        capability: Capability = TEXT,
        sleep: Callable[[float], None] | None = None,
        edit_id: str = "0",
        server: LoopbackServer | None = None,
        driver: type[Driver] = OpenAIDriver,
        wire: Wire = WIRE,
        cost: dict[str, float] | None = None,
        **performance: Any,
    ) -> MeteredClient:
        called = endpoint(
            driver,
            capability,
            name="primary",
            model=wire.models[capability],
            tenant_id=self.tenant_id,
            edit_id=edit_id,
            base_url=wire.base_url((server or self.server).url),
            options={"dimensions": 8} if capability is EMBEDDING else {},
            performance=performance,
            cost=cost or ({} if wire.cost else {"input_per_million": 1, "output_per_million": 2}),
        )
        context = CallContext(self.tenant_id, "etl", "run-1", "incidents/analysis", "main")
        policy = policies.get(self.database, self.tenant_id)
        settings = Settings.from_environment()
        return MeteredClient(called, self.ledger, policy, context, settings, sleep=sleep or self.slept.append)

    def rows(self) -> list[dict[str, Any]]:
        with psycopg.connect(self.owner_dsn, row_factory=dict_row) as connection:
            query = "SELECT * FROM usage_records WHERE tenant_id = %s ORDER BY id"
            return connection.execute(query, (self.tenant_id,)).fetchall()

    def row(self) -> dict[str, Any]:
        (found,) = self.rows()
        return found

    def failures(self) -> int | None:
        """Outages in a row; None where the provider was never settled."""
        with self.database.tenant(self.tenant_id) as session:
            connection = session.connection()
            return connection.exec_driver_sql("SELECT failures FROM provider_health").scalar()

    def reserved(self) -> int | None:
        with self.database.tenant(self.tenant_id) as session:
            return session.connection().exec_driver_sql("SELECT count(*) FROM budget_reservations").scalar()

    def kept(self) -> Decimal:
        """USD that stay set aside for calls without a known price."""
        with self.database.tenant(self.tenant_id) as session:
            query = "SELECT coalesce(sum(amount_usd), 0) FROM budget_reservations WHERE call_id IS NOT NULL"
            found: Decimal = session.connection().exec_driver_sql(query).scalar_one()
            return found

    def failure(self, client: MeteredClient) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            client.generate(question())
        return caught.value
