"""A tenant, a server on loopback and metered drivers, for tests of what is around a call."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config.options import ModelOptions, PerformanceOptions
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.errors import ProviderError
from precedent.providers.runtime.endpoint import Target
from precedent.providers.runtime.ledger import Ledger
from precedent.providers.runtime.ledger import CallContext
from precedent.providers.runtime.metered_client import MeteredDriver
from precedent.providers.testing.question import question
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy

TEXT, EMBEDDING = Capability.TEXT_GENERATION, Capability.EMBEDDING
# A target without credentials has no key, and the driver sends this word in its place.
WIRE = OpenAIWire("none")


class Setting:
    """A tenant, a server and drivers; `slept` holds what a driver would have waited."""

    def __init__(self, database: Database, server: LoopbackServer, owner_dsn: str) -> None:
        self.database, self.server, self.owner_dsn = database, server, owner_dsn
        self.tenant_id = tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].id
        self.ledger = Ledger(database, self.tenant_id)
        self.slept: list[float] = []
        server.behave()

    def driver(
        self, capability: Capability = TEXT, sleep: Callable[[float], None] | None = None, edit: str = "0",
        server: LoopbackServer | None = None, **performance: Any,
    ) -> MeteredDriver:  # fmt: skip
        target = Target(
            name="primary", driver=OpenAIDriver.info, tenant_id=self.tenant_id, capability=capability,
            model=WIRE.models[capability], base_url=WIRE.base_url((server or self.server).url), edit=edit,
            options=ModelOptions(dimensions=8 if capability is EMBEDDING else None),
            performance=PerformanceOptions(**performance), cost={"input_per_million": 1, "output_per_million": 2},
        )  # fmt: skip
        context = CallContext(self.tenant_id, "etl", "run-1", "incidents/analysis", "main")
        policy = policies.get(self.database, self.tenant_id)
        settings = Settings.from_environment()
        return MeteredDriver(target, self.ledger, policy, context, settings, sleep=sleep or self.slept.append)

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

    def failure(self, driver: MeteredDriver) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            driver.generate(question())
        return caught.value
