"""The paths of existing dashboards, in their shapes, over real calls and a gateway on loopback."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from precedent.database.session import Database
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import GatewayWire
from precedent.settings import Settings
from tests.integration.hub.conftest import Keys, bearer
from tests.integration.providers.provider_servers import RECOMMENDATION


@pytest.fixture
def gateway(database: Database, keys: Keys) -> Iterator[GatewayWire]:
    """A gateway that the tenant asks for texts."""
    wire = GatewayWire()
    with LoopbackServer(wire, answer=RECOMMENDATION) as server:
        values = {
            "name": "gateway",
            "driver": "gateway",
            "capability": "text_generation",
            "model": "gpt-4o-mini",
            "base_url": wire.base_url(server.url),
            "credentials": {"api_key": wire.key},
            "cost": {"input_per_million": 2, "output_per_million": 8},
            "active": True,
        }
        save(database, Settings.from_environment(), keys.tenant, Provider.model_validate(values), replace=True)
        yield wire
        repository.delete(database, keys.tenant, "gateway")


@pytest.mark.usefixtures("records")
def test_models_usage_and_keys(client: TestClient, keys: Keys, gateway: GatewayWire) -> None:
    headers = bearer(keys.viewer)
    asked = client.post("/api/v1/ai/models/available", json={"capabilities": ["text_generation"]}, headers=headers)
    assert asked.json()["models"] == [
        {
            "name": "gpt-4o-mini",
            "provider": "gateway",
            "capability": "text_generation",
            "dimensions": None,
            "cost_per_1k_tokens": 0.002,
        }
    ]
    everything = client.post("/api/v1/ai/models/available", json={}, headers=headers).json()["models"]
    (local,) = (model for model in everything if model["capability"] == "embedding")
    assert (local["dimensions"], local["cost_per_1k_tokens"]) == (384, 0)

    base = f"/api/v1/tenants/{keys.tenant}"
    made = client.post(f"{base}/analyses", json={"incident": "inc1", "again": True}, headers=bearer(keys.operator))
    assert made.json()["provider"] == "gateway"
    summary = client.get("/api/v1/ai/usage/summary", params={"range": "1d"}, headers=headers).json()
    assert set(summary) == {
        *("totalCost", "totalTokens", "totalRequests", "avgCostPerRequest", "providerBreakdown", "dateRange")
    }
    shares = {share["provider"]: share for share in summary["providerBreakdown"]}
    assert shares["gateway"]["cost"] > 0
    assert summary["totalRequests"] == sum(share["requests"] for share in shares.values())
    assert summary["totalCost"] == pytest.approx(sum(share["cost"] for share in shares.values()))

    (key,) = client.get("/api/v1/ai/gateway/key-info", headers=headers).json()["keys"]
    assert (key["provider"], key["reachable"]) == ("gateway", True)
    assert gateway.key not in str(key)


def test_who_belongs_to_several_tenants_says_which(client: TestClient, keys: Keys) -> None:
    headers = bearer(keys.platform)
    answer = client.get("/api/v1/ai/usage/summary", headers=headers)
    assert (answer.status_code, "Say ?tenant=NAME" in answer.json()["detail"]) == (422, True)
    assert client.get("/api/v1/ai/usage/summary", params={"tenant": keys.tenant}, headers=headers).status_code == 200
    assert client.get("/api/v1/ai/usage/summary", params={"range": "2d"}, headers=headers).status_code == 422
