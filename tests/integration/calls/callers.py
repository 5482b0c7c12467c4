"""A tenant that configures providers and calls them as the platform does, for tests of what the ledger then says."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from precedent.database.session import Database
from precedent.incidents.schema import IncidentFacts, RecommendationAnswer, RecommendationRequest
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.generation import GenerationRequest
from precedent.providers.runtime.endpoint import Endpoint, endpoint_of
from precedent.providers.runtime.ledger import CallContext, Ledger
from precedent.providers.runtime.metered_client import MeteredClient
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires.base import Wire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
FACTS = RecommendationRequest(incident=IncidentFacts(external_id="i", title="disk full", text="no space left"))
QUESTION = GenerationRequest("Answer in JSON.", "What helps?", RecommendationAnswer, 500, data=FACTS)
MODELS = {"embedding": "text-embedding-3-small", "text_generation": "gpt-6-luna"}
INSERT = """
INSERT INTO usage_records (tenant_id, call_id, created_at, provider, driver, model, revision, operation, route,
  input_tokens, cost_usd, cost_source, latency_ms, attempts, status)
VALUES (%s, gen_random_uuid(), %s, %s, %s, %s, '1', 'embed', 'etl', %s, %s, %s, %s, 1, 'succeeded')
"""


class Caller:
    """A tenant that configures providers and calls them as the platform does."""

    def __init__(self, database: Database, settings: Settings, tenant: str) -> None:
        self.database, self.settings, self.tenant = database, settings, tenant
        self.id = tenancy.get(database, tenant).id
        self.open = ExitStack()

    def serve(self, wire: Wire) -> LoopbackServer:
        """A provider on loopback, until `open` is closed."""
        return self.open.enter_context(LoopbackServer(wire, answer=RECOMMENDATION))

    def add(
        self, name: str, driver: str, capability: str, server: LoopbackServer | None = None, **changes: Any
    ) -> Endpoint:
        fields: dict[str, Any] = {"name": name, "driver": driver, "capability": capability}
        if server is not None:
            wire: Any = server.wire
            fields |= {
                "model": MODELS[capability],
                "base_url": server.url + "/v1",
                "credentials": {"api_key": wire.key},
                "options": {"dimensions": 8} if capability == "embedding" else {},
            }
        provider = Provider.model_validate({**fields, **changes})
        return endpoint_of(save(self.database, self.settings, self.tenant, provider, replace=True))

    def client(self, endpoint: Endpoint, asset: str | None = None) -> MeteredClient:
        policy = policies.get(self.database, self.id)
        context = CallContext(self.id, asset=asset)
        ledger = Ledger(self.database, self.id)
        return MeteredClient(endpoint, ledger, policy, context, self.settings, sleep=lambda _: None)

    def embed(self, endpoint: Endpoint, texts: int = 3, asset: str | None = "vectors/embeddings") -> None:
        client = self.client(endpoint, asset)
        client.embed([f"text {number}" for number in range(texts)])
        client.ledger.close()

    def ask(
        self,
        endpoint: Endpoint,
        asset: str | None = "incidents/recommendations",
        question: GenerationRequest = QUESTION,
    ) -> None:
        client = self.client(endpoint, asset)
        client.generate(question)
        client.ledger.close()

    def insert(
        self,
        moment: datetime,
        *,
        cost: str | None = None,
        source: str | None = None,
        provider: str = "bulk",
        driver: str = "openai",
        model: str = MODELS["embedding"],
        tokens: int = 1000,
        latency: float = 10.0,
    ) -> None:
        with self.database.bulk(self.id) as connection:
            values = (self.id, moment, provider, driver, model, tokens, cost, source, latency)
            connection.execute(INSERT, values)

    def rows(self, columns: str, order: str = "id") -> list[tuple[Any, ...]]:
        with self.database.bulk(self.id) as connection:
            return connection.execute(f"SELECT {columns} FROM usage_records ORDER BY {order}").fetchall()

    def drift(self) -> list[tuple[Any, ...]]:
        """Months whose spending is not the sum of their rows."""
        with self.database.bulk(self.id) as connection:
            return connection.execute(
                "SELECT * FROM (SELECT budget_month(created_at) AS month, sum(cost_usd) AS usd FROM usage_records "
                "GROUP BY 1) u FULL JOIN budget_months b USING (month) "
                "WHERE coalesce(u.usd, 0) <> coalesce(b.spent_usd, 0)"
            ).fetchall()


def usage(precedent: Call, tenant: str, *arguments: object) -> dict[str, Any]:
    code, out, error = precedent("usage", *arguments, "--tenant", tenant, "--json")
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    return found


def by_key(found: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    return {row["key"]: row for row in found["rows"]}
