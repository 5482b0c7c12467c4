"""Providers as Dagster sees them: observed configuration, tags of runs, checks, masked spaces, budgets."""

import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import psycopg
import pytest

from assets.checks import config
from orchestration.definitions import defs
from orchestration.instance import dagster_instance
from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save as save_provider
from precedent.providers.testing.server import Behaviour, LoopbackServer
from precedent.providers.testing.wires import OllamaWire
from precedent.settings import Settings
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
EMBEDDING, TEXT = ("config", "embedding_profile"), ("config", "intelligence_provider")


def observed(database: Database, key: tuple[str, str], source: str) -> str:
    """The data version of a source's partition after an observation."""
    settings = Settings.from_environment()
    with dagster_instance(settings, database.endpoints) as instance:
        job = defs.resolve_job_def("observe_configuration")
        assert job.execute_in_process(instance=instance).success
        record = instance.fetch_observations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(key), asset_partitions=[source]), limit=1
        ).records[0]
        observation = record.asset_observation
        assert observation is not None
        return observation.tags["dagster/data_version"]


def test_configuration_changes_its_version_with_behaviour_and_not_with_key_or_price(
    database: Database, source: str, tenant: str, save: Callable[..., None]
) -> None:
    nothing = observed(database, TEXT, source)
    save()
    configured = observed(database, TEXT, source)
    assert configured != nothing
    save(credentials={"api_key": "another-key-0123456789"})
    save(cost={"input_per_million": 7}, performance={"timeout_s": 9}, description="dear")
    assert observed(database, TEXT, source) == configured
    embedding = observed(database, EMBEDDING, source)
    save(model="gpt-6-sol")
    assert observed(database, TEXT, source) != configured
    save(options={"temperature": 0.9})
    assert observed(database, TEXT, source) != configured
    assert observed(database, EMBEDDING, source) == embedding
    owner = tenancy.get(database, tenant)
    save(name="vectors", capability="embedding")
    plain = observed(database, EMBEDDING, source)
    assert plain != embedding
    # The loopback address is no external one; masking there changes nothing, as no text leaves.
    policies.save(database, owner.id, None, {"mask": True})
    masked = observed(database, EMBEDDING, source)
    assert masked != plain


def refreshed(precedent: Call, source: str, *options: str) -> dict[str, Any]:
    code, out, error = precedent("refresh", source, "--json", *options)
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_run_is_tagged_with_what_served_it(
    precedent: Call, database: Database, source: str, save: Callable[..., None]
) -> None:
    save()
    save(name="vectors", capability="embedding")
    outcome = refreshed(precedent, source)
    with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
        run = instance.get_run_by_id(outcome["run_id"])
    assert run is not None
    assert run.tags["precedent/embedding_provider"] == "vectors"
    assert run.tags["precedent/embedding_model"] == "text-embedding-3-small"
    assert run.tags["precedent/intelligence_provider"] == "primary"
    vectors = outcome["layers"]["vectors/embeddings"]
    assert vectors["provider/name"] == "vectors"
    assert vectors["cost/usd"] > 0
    assert vectors["rows/failed"] == 0
    assert outcome["layers"]["incidents/recommendations"]["provider/name"] == "primary"
    assert outcome["layers"]["incidents/recommendations"]["fallback/used"] is False
    again = refreshed(precedent, source)
    assert again["layers"]["incidents/recommendations"]["rows/added"] == 0


def test_a_run_stops_where_the_configuration_changed_under_it(
    precedent: Call,
    source: str,
    save: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from precedent.providers.drivers.sentence_transformers import SentenceTransformersDriver

    embed = SentenceTransformersDriver.embed

    def edit_meanwhile(self: SentenceTransformersDriver, texts: Any) -> Any:
        save(name="vectors", capability="embedding")
        return embed(self, texts)

    monkeypatch.setattr(SentenceTransformersDriver, "embed", edit_meanwhile)
    code, out, error = precedent("refresh", source, "--json")
    assert code == 1
    assert "changed while this run was under way" in error
    assert json.loads(out)["layers"]["vectors/embeddings"]["rows/added"] == 7


def test_endpoints_that_do_not_answer_leave_rows_without_vectors_for_the_next_run(
    precedent: Call, source: str, save: Callable[..., None], server: LoopbackServer, owner_dsn: str, tenant: str
) -> None:
    save(name="vectors", capability="embedding", performance={"max_attempts": 1, "opens_after": 100, "timeout_s": 5})
    for behaviour in (Behaviour.TOO_FEW, Behaviour.NAN, Behaviour.ZERO):
        server.behave(behaviour)
        _, out, why = precedent(
            "refresh", source, "--select", "raw", "--select", "text", "--select", "vectors", "--json"
        )
        assert "0 of 7 passages have a vector. vectors: invalid_answer: " in why  # the check says the reason
        assert json.loads(out)["cost_usd"] > 0  # answers of no use were paid for
        layer = json.loads(out)["layers"]["vectors/embeddings"]
        assert (layer["rows/failed"], layer["dagster/partition_row_count"]) == (7, 0), behaviour
        with psycopg.connect(owner_dsn) as connection:
            failures = connection.execute(
                "SELECT DISTINCT u.failure FROM usage_records u JOIN tenants t ON t.id = u.tenant_id WHERE t.name = %s",
                (tenant,),
            ).fetchall()
        assert failures == [("invalid_answer",)]
    server.behave()
    found = refreshed(precedent, source)
    assert found["layers"]["vectors/embeddings"]["dagster/partition_row_count"] == 7


def test_masked_and_unmasked_vectors_never_share_a_space(
    precedent: Call, database: Database, source: str, tenant: str, save: Callable[..., None], owner_dsn: str
) -> None:
    save(name="vectors", capability="embedding")
    refreshed(precedent, source)
    policies.save(database, tenancy.get(database, tenant).id, None, {"mask": True})
    outcome = refreshed(precedent, source)
    assert outcome["layers"]["reports/vector_quality"]["space/promoted"] is True
    with psycopg.connect(owner_dsn) as connection:
        found = connection.execute(
            "SELECT s.preprocessing, s.status FROM embedding_spaces s JOIN tenants t ON t.id = s.tenant_id "
            "WHERE t.name = %s ORDER BY s.id",
            (tenant,),
        ).fetchall()
    assert [status for _, status in found] == ["previous", "active"]
    assert "masked" in found[1][0]
    assert "masked" not in found[0][0]


def checked(database: Database, key: tuple[str, str], tenant: str) -> tuple[dg.AssetCheckEvaluation, dict[str, Any]]:
    """The check's result, and its line about a tenant; other tests' tenants are asked as well."""
    with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
        result = defs.resolve_job_def("check_providers").execute_in_process(instance=instance)
    found = next(item for item in result.get_asset_check_evaluations() if item.asset_key == dg.AssetKey(key))
    records = found.metadata["providers"].records  # type: ignore[union-attr]
    return found, next(dict(record.data) for record in records if record.data["tenant"] == tenant)


def test_the_check_says_which_tenants_provider_does_not_answer(
    database: Database,
    source: str,
    tenant: str,
    save: Callable[..., None],
    server: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "MOST_SHOWN", 10_000)  # other tests' tenants are asked as well
    save()
    _, well = checked(database, TEXT, tenant)
    assert well["answers"]
    assert well["latency_ms"] > 0
    server.behave(Behaviour.STATUS, status=401, message="no such key")
    save(description="edited")
    result, ill = checked(database, TEXT, tenant)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert not ill["answers"]
    assert f"{tenant}: primary: HTTP 401" in (result.description or "")


def test_a_source_that_must_stay_is_kept_from_external_providers(
    precedent: Call, database: Database, source: str, tenant: str, save: Callable[..., None], server: LoopbackServer
) -> None:
    save()
    policies.save(database, tenancy.get(database, tenant).id, None, {"allow_external": False})
    outcome = refreshed(precedent, source)
    assert server.requests == []
    layer = outcome["layers"]["incidents/recommendations"]
    assert layer["fallback/reason"].startswith("policy: ")
    assert outcome["checks"]["incidents/recommendations:served_as_asked"] is False


def test_a_private_ollama_is_no_external_provider(
    precedent: Call, database: Database, source: str, tenant: str
) -> None:
    wire = OllamaWire(key="")
    with LoopbackServer(wire, answer=RECOMMENDATION) as server:
        provider = Provider(
            name="here",
            driver="ollama",
            capability=Capability.TEXT_GENERATION,
            model=wire.models[Capability.TEXT_GENERATION],
            base_url=wire.base_url(server.url),
            active=True,
        )
        save_provider(database, Settings.from_environment(), tenant, provider, replace=True)
        policies.save(database, tenancy.get(database, tenant).id, None, {"allow_external": False})
        outcome = refreshed(precedent, source)
        assert server.calls
    assert outcome["layers"]["incidents/recommendations"]["fallback/used"] is False
