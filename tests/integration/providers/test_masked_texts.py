"""What reaches a provider outside the organisation when a tenant masks, from records to requests."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from tests.integration.conftest import incident, issue, write_lines
from tests.integration.providers.provider_servers import RECOMMENDATION, parsed
from tests.masking.values import key

Call = Callable[..., tuple[int, str, str]]
# Longer than several passages of 512 tokens.
KEY = key(random.Random(3), "RSA ", 60)  # noqa: S311 - nothing is secret
PLANTED = {
    "of a line": "hunter2-lantern",
    "of a config": "Abcd1234efgh",
    "of a body": "aB3aB3aB3aB3aB3aB3",
    "of a header": "ola.nowak@harbor.example",
    "of a host": "10.20.30.40",
}
TEXT = (
    "The connection pool is exhausted after the release.\n"
    f"password={PLANTED['of a line']}\n"
    f'{{"api_key": "{PLANTED["of a config"]}", "pool": 20}}\n'
    f"refresh_token={PLANTED['of a body']}\n{PLANTED['of a host']} refused\n{PLANTED['of a header']} reported it\n"
)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as running:
        yield running


@pytest.fixture
def masked(database: Database, tenant: str, server: LoopbackServer) -> None:
    """A tenant that masks, with providers of both kinds outside the organisation."""
    wire = OpenAIWire()
    for name, capability, model in (
        ("vectors", "embedding", "text-embedding-3-small"),
        ("writer", "text_generation", "gpt-6-luna"),
    ):
        values: dict[str, Any] = {
            "name": name,
            "driver": "openai",
            "capability": capability,
            "model": model,
            "base_url": wire.base_url(server.url),
            "credentials": {"api_key": wire.key},
            "active": True,
            "options": {"dimensions": 8} if capability == "embedding" else {},
        }
        save(database, Settings.from_environment(), tenant, Provider.model_validate(values), replace=True)
    policies.save(database, tenancy.get(database, tenant).id, None, {"mask": True})


@pytest.fixture
def source(precedent: Call, tenant: str, tmp_path: Path) -> str:
    """An issue and an incident that resembles it; a private key is in both."""
    folder = tmp_path / "records"
    folder.mkdir()
    body = f"{TEXT}The key of the pool:\n{KEY}\nRestarted the pool at noon."
    write_lines(folder / "issues.jsonl", [issue(1, f"Pool exhausted for {PLANTED['of a header']}", body)])
    write_lines(folder / "incidents.jsonl", [incident("Connection pool exhausted", body)])
    assert precedent("source", "add", f"{tenant}/records", folder)[0] == 0
    return f"{tenant}/records"


def sent(server: LoopbackServer) -> str:
    """Everything that reached the server, with escapes taken back, also those of JSON within a prompt."""
    bodies = "\n".join(json.dumps(request.json, ensure_ascii=False) for request in server.requests)
    return bodies.replace("\\\\", "\\").replace("\\n", "\n").replace('\\"', '"')


def check_nothing_left(server: LoopbackServer) -> None:
    found = sent(server)
    assert [what for what, secret in PLANTED.items() if secret in found] == []
    assert [line for line in KEY.splitlines() if line in found] == []


def test_records_are_embedded_and_analysed_without_what_is_masked(
    precedent: Call, masked: None, source: str, tenant: str, server: LoopbackServer, owner_dsn: str
) -> None:
    outcome = parsed(precedent("refresh", source, "--json"))
    check_nothing_left(server)
    embedding = [request for request in server.requests if request.path.endswith("/embeddings")]
    texts = [text for request in embedding for text in request.json["input"]]
    (prompt,) = [json.dumps(request.json) for request in server.requests if request not in embedding]
    assert any("pool at noon" in text for text in texts)
    assert any("[secret]" in text for text in texts)
    assert "[secret]" in prompt
    assert "issue:records:" in prompt
    layers = outcome["layers"]
    assert layers["vectors/embeddings"]["egress/masked"] > 0
    assert layers["incidents/recommendations"]["egress/masked"] > 0
    with psycopg.connect(owner_dsn) as connection:
        passages = connection.execute(
            "SELECT c.cut, c.text FROM chunks c JOIN tenants t ON t.id = c.tenant_id WHERE t.name = %s", (tenant,)
        ).fetchall()
    assert passages
    assert all("/masked" in cut and KEY.splitlines()[9] not in text for cut, text in passages)


def test_a_query_is_masked_before_it_is_cut(
    precedent: Call, masked: None, source: str, tenant: str, server: LoopbackServer
) -> None:
    parsed(precedent("refresh", source, "--json"))
    server.behave()
    code, _, error = precedent("search", f"pool exhausted\n{KEY}\n{TEXT}", "--tenant", tenant)
    assert code == 0, error
    assert server.requests
    check_nothing_left(server)


def test_an_incident_that_is_only_described_is_masked(
    precedent: Call, masked: None, source: str, tenant: str, server: LoopbackServer
) -> None:
    parsed(precedent("refresh", source, "--json"))
    server.behave()
    described = ["--title", f"Pool exhausted for {PLANTED['of a header']}", "--text", f"{TEXT}{KEY}"]
    found = parsed(precedent("recommend", *described, "--tenant", tenant, "--json"))
    assert found["masked"] > 0
    check_nothing_left(server)
