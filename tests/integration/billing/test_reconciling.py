"""The ledger beside what gateways say themselves."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from precedent.database.session import Database
from precedent.providers.testing.behaviour import Reply
from precedent.providers.testing.wires import GatewayWire
from precedent.settings import Settings
from precedent.testing.loopback import Request
from tests.integration.calls.callers import Call, Caller, usage


@pytest.fixture
def caller(database: Database, tenant: str) -> Iterator[Caller]:
    caller = Caller(database, Settings.from_environment(), tenant)
    with caller.open:
        yield caller


class TokenPricedWire(GatewayWire):
    """A gateway whose header and calculation agree, and whose key was charged what a test says."""

    def __init__(self, *, offers: int = 200, key_status: int = 200, **info: Any) -> None:
        super().__init__(offers=offers)
        self.key_status, self.info = key_status, info

    def priced(self, body: dict[str, Any]) -> Reply:
        usage = body["usage"]
        cost = usage["prompt_tokens"] * 1e-6 + usage.get("completion_tokens", 0) * 2e-6
        return Reply(body, headers={"x-litellm-response-cost": str(cost)})

    def other(self, request: Request) -> Reply | None:
        if request.path == "/key/info" and self.key_status != 200:
            return self.error(self.key_status, "DB not connected")
        if request.path == "/key/info" and self.offers == 200:
            return Reply({"key": "hash", "info": {"spend": 0.0, "max_budget": None, **self.info}})
        return super().other(request)


def test_reconciling_agrees_with_a_gateway_that_says_the_same(precedent: Call, caller: Caller) -> None:
    server = caller.serve(TokenPricedWire(spend=0.000179, max_budget=2.0))
    writer = caller.add("writer", "gateway", "text_generation", server)
    vectors = caller.add("vectors", "gateway", "embedding", server)
    caller.ask(writer)
    caller.ask(writer)
    caller.embed(vectors, 4)
    server.requests.clear()
    found = usage(precedent, caller.tenant, "reconcile")["gateways"]
    assert [(item["provider"], item["verdict"]) for item in found] == [("vectors", "agrees"), ("writer", "agrees")]
    (model,) = found[1]["models"]
    assert (model["calls"], model["input_tokens"], model["output_tokens"]) == (2, 84, 34)
    assert (model["ledger_usd"], model["gateway_usd"], model["difference_percent"]) == ("0.000152", "0.000152", "0.00")
    # Both rows share the key: its spend is compared with what both cost.
    assert found[0]["key"] == found[1]["key"]
    assert found[1]["key"]["providers"] == ["vectors", "writer"]
    assert (found[1]["key"]["ledger_usd"], found[1]["key"]["spend_usd"]) == ("0.00018", "0.000179")
    assert found[1]["key"]["verdict"] == "agrees"
    assert all("text 0" not in str(request.json) for request in server.requests)
    code, out, error = precedent("usage", "reconcile", "--provider", "writer", "--tenant", caller.tenant)
    assert (code, error) == (0, "")
    assert "its key, ever" in out
    assert "writer: agrees, by the price of its calls." in out
    assert server.wire.key not in out  # type: ignore[attr-defined]


def test_reconciling_tells_a_difference_and_is_no_failure(precedent: Call, caller: Caller) -> None:
    server = caller.serve(GatewayWire())
    writer = caller.add("writer", "gateway", "text_generation", server)
    caller.ask(writer)
    (found,) = usage(precedent, caller.tenant, "reconcile")["gateways"]
    assert found["verdict"] == "differs"
    assert found["calculated"] == {
        "ledger_usd": "0.0000125",
        "gateway_usd": "0.000076",
        "difference_usd": "-0.0000635",
        "difference_percent": "-83.55",
        "verdict": "differs",
    }
    out = precedent("usage", "reconcile", "--tenant", caller.tenant)[1]
    assert "-0.0000635" in out
    assert "-83.55" in out


@pytest.mark.parametrize(
    ("wire", "verdict", "words"),
    [
        (TokenPricedWire(offers=401), "not offered", "/key/info is not offered to this key"),
        (TokenPricedWire(key_status=503), "agrees", "/key/info is not offered: HTTP 503: DB not connected"),
        (TokenPricedWire(spend="much"), "agrees", ""),
    ],
)
def test_what_a_gateway_does_not_offer_is_said(
    precedent: Call, caller: Caller, wire: GatewayWire, verdict: str, words: str
) -> None:
    caller.ask(caller.add("writer", "gateway", "text_generation", caller.serve(wire)))
    code, out, _ = precedent("usage", "reconcile", "--tenant", caller.tenant, "--json")
    (found,) = json.loads(out)["gateways"]
    assert (code, found["verdict"], found["key"]) == (0, verdict, None)
    assert words in " ".join(found["notes"])


def test_a_key_is_compared_since_its_budget_began(precedent: Call, caller: Caller) -> None:
    reset = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    server = caller.serve(TokenPricedWire(spend=0.000076, budget_duration="24h", budget_reset_at=reset))
    caller.ask(caller.add("writer", "gateway", "text_generation", server))
    caller.insert(datetime.now(UTC) - timedelta(hours=23), provider="writer", driver="gateway", cost="9")
    (found,) = usage(precedent, caller.tenant, "reconcile")["gateways"]
    assert (found["key"]["ledger_usd"], found["key"]["verdict"]) == ("0.000076", "agrees")


def test_an_unreachable_gateway_is_a_failure_and_hides_no_other(precedent: Call, caller: Caller) -> None:
    here, gone = caller.serve(TokenPricedWire()), caller.serve(TokenPricedWire())
    caller.ask(caller.add("here", "gateway", "text_generation", here))
    caller.add("gone", "gateway", "embedding", gone)
    gone.close()
    code, out, error = precedent("usage", "reconcile", "--tenant", caller.tenant, "--json")
    assert code == 1
    assert "gone: It is unreachable: The server" in error
    assert [(item["provider"], item["reachable"]) for item in json.loads(out)["gateways"]] == [
        ("gone", False),
        ("here", True),
    ]
    assert json.loads(out)["gateways"][1]["verdict"] == "agrees"
