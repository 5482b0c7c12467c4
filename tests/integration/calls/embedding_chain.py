"""A plugin: a tenant's embedding providers on loopback, each falling back to the one before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from precedent.database.models import IntelligenceProvider
from precedent.database.session import Database
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.factory import open_embedder
from precedent.providers.runtime.ledger import CallContext
from precedent.providers.testing.behaviour import vector_of
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OllamaWire
from precedent.settings import Settings
from precedent.sources import repository as catalog
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from tests.integration.billing.metering import WIRE, Setting

MODEL = "nomic-embed-text"
TEXTS = [f"Text number {number} is about the connection pool." for number in range(10)]
PLANTED = "Key AKIAIOSFODNN7EXAMPLE, write to mira@harbor.example, hosts 10.20.30.40 and 2001:db8::17, pool exhausted."
MASKED = "Key [secret], write to [email], hosts [address] and [address], pool exhausted."


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[LoopbackServer, LoopbackServer, LoopbackServer]]:
    """Two external providers, by what their driver says, and one of the tenant's own."""
    with LoopbackServer(WIRE) as first, LoopbackServer(WIRE) as second, LoopbackServer(OllamaWire("")) as own:
        yield first, second, own


class Providers(Setting):
    """The tenant's rows, each falling back to the one before, and its embedder."""

    def __init__(self, database: Database, servers: tuple[LoopbackServer, ...], owner_dsn: str) -> None:
        super().__init__(database, servers[0], owner_dsn)
        self.first, self.second, self.own = servers
        for server in servers:
            server.behave()

    def add(
        self,
        name: str,
        *,
        fallback: int | None = None,
        server: LoopbackServer | None = None,
        driver: str = "openai",
        model: str = MODEL,
        dimensions: int = 8,
        active: bool = True,
        cost: float = 1,
        **performance: Any,
    ) -> int:
        used = server or self.first
        with self.database.tenant(self.tenant_id) as session:
            row = IntelligenceProvider(
                tenant_id=self.tenant_id,
                name=name,
                provider=driver,
                capability="embedding",
                model=model,
                base_url=used.url if driver == "ollama" else WIRE.base_url(used.url),
                is_active=active,
                model_config={"dimensions": dimensions},
                fallback_id=fallback,
                performance_config={"max_attempts": 1, "timeout_s": 5, **performance},
                cost_config={} if driver == "ollama" else {"input_per_million": cost},
            )
            session.add(row)
            session.flush()
            return row.id

    def open(self, source: str | None = None) -> Embedder:
        context = CallContext(self.tenant_id, "interactive", source=source)
        return open_embedder(self.database, Settings.from_environment(), context)

    def source(self, name: str, archive: Path) -> int:
        tenant = next(row.name for row in tenancy.list(self.database) if row.id == self.tenant_id)
        return catalog.add(self.database, tenant, name, "archive", {"path": str(archive)}).id

    def policy(self, source_id: int | None = None, **changes: Any) -> None:
        policies.save(self.database, self.tenant_id, source_id, changes)


@pytest.fixture
def providers(
    database: Database, servers: tuple[LoopbackServer, LoopbackServer, LoopbackServer], owner_dsn: str
) -> Iterator[Providers]:
    providers = Providers(database, servers, owner_dsn)
    yield providers
    providers.ledger.close()


def arrived(server: LoopbackServer) -> list[str]:
    """Every text that reached a server, in order."""
    return [text for request in server.requests for text in request.json["input"]]


def check_vectors(embedder: Embedder, texts: list[str] = TEXTS) -> None:
    np.testing.assert_allclose(embedder.embed(texts).vectors, [vector_of(text, 8) for text in texts], atol=1e-6)
