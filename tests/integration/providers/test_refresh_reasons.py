"""What a refresh says where a provider, a policy or a budget stops it, and what is kept."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from precedent.database.session import Database
from precedent.providers.testing.server import Behaviour, LoopbackServer
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy

Call = Callable[..., tuple[int, str, str]]


def test_vectors_of_another_dimension_stop_the_run_at_the_first_batch(
    precedent: Call, source: str, save: Callable[..., None], server: LoopbackServer
) -> None:
    save(
        name="vectors", capability="embedding", performance={"max_attempts": 1, "batch_inputs": 2, "max_concurrency": 1}
    )
    server.behave(Behaviour.WRONG_DIMENSION)
    code, _, error = precedent("refresh", source, "--select", "raw", "--select", "text", "--select", "vectors")
    assert code == 1
    assert "set --option dimensions=" in error
    assert len(server.calls) == 1


@pytest.mark.parametrize("why", ["a server that is gone", "a policy"])
def test_a_refresh_says_why_nothing_was_embedded(
    precedent: Call,
    database: Database,
    source: str,
    save: Callable[..., None],
    server: LoopbackServer,
    tenant: str,
    why: str,
) -> None:
    save(name="vectors", capability="embedding", performance={"max_attempts": 1, "timeout_s": 5})
    if why == "a policy":
        policies.save(database, tenancy.get(database, tenant).id, None, {"allow_external": False})
        said = "0 of 7 passages have a vector. vectors: policy: "
    else:
        server.close()
        said = f"vectors: connection: The server {server.url.removeprefix('http://')} refuses connections"
    code, out, error = precedent("refresh", source, "--json")
    assert code == 1
    assert said in error
    assert json.loads(out)["cost_usd"] == 0


def test_an_exhausted_budget_stops_the_run_with_what_is_done_kept(
    precedent: Call, database: Database, source: str, tenant: str, save: Callable[..., None]
) -> None:
    save(cost={"input_per_million": 1_000, "output_per_million": 1_000}, options={"max_output_tokens": 100})
    owner = tenancy.get(database, tenant)
    policies.save(database, owner.id, None, {"monthly_budget_usd": Decimal("0.000001")})
    code, out, error = precedent("refresh", source, "--json")
    assert code == 1
    assert "budget of this month is used up" in error
    assert "0 of 1 incidents were analysed" in error
    assert json.loads(out)["layers"]["vectors/embeddings"]["dagster/partition_row_count"] == 7
    policies.save(database, owner.id, None, {"on_exhausted": "free"})
    code, out, error = precedent("refresh", source, "--json")
    assert code == 0, error
    outcome = json.loads(out)
    layer = outcome["layers"]["incidents/recommendations"]
    assert layer["fallback/used"] is True
    assert layer["fallback/reason"].startswith("budget: ")
    assert layer["cost/usd"] == layer["tokens/input"] == layer["tokens/output"] == 0  # rules read no tokens
    code, out, _ = precedent("usage", "--tenant", tenant, "--json")
    assert code == 0
    local = next(line for line in json.loads(out)["rows"] if line["key"] == "local")
    assert (local["calls"], local["input_tokens"], local["output_tokens"]) == (1, 0, 0)
