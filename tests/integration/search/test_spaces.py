"""Spaces are built beside, promoted whole and judged, rolled back and retired; vectors that return cost nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.config.options import ModelOptions
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.settings import Settings
from precedent.vectors import index as vector_index
from tests.integration.conftest import TOPICS, issue, write_lines

Call = Callable[..., tuple[int, str, str]]
TEXT_AND_VECTORS = ("--select", "raw", "--select", "text", "--select", "vectors")


@pytest.fixture
def source(precedent: Call, tenant: str, archive: Path) -> str:
    assert precedent("source", "add", f"{tenant}/records", archive)[0] == 0
    refreshed(precedent, f"{tenant}/records")
    return f"{tenant}/records"


def refreshed(precedent: Call, key: str, *options: str) -> dict[str, Any]:
    code, out, error = precedent("refresh", key, "--json", *options)
    assert code == 0, error
    layers: dict[str, Any] = json.loads(out)["layers"]
    return layers


def narrow(database: Database, tenant: str, window: int = 64) -> None:
    """The same model with another window: documents are cut otherwise, so it is another space."""
    provider = Provider(name="narrow", driver="sentence_transformers", options=ModelOptions(window=window), active=True)
    save(database, Settings.from_environment(), tenant, provider, replace=True)


def listed(precedent: Call, tenant: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(precedent("space", "list", "--tenant", tenant, "--json")[1])
    return found


def best(precedent: Call, tenant: str, text: str = "certificate expired") -> str:
    code, out, error = precedent("search", text, "--tenant", tenant, "--mode", "vector", "--json")
    assert code == 0, error
    return str(json.loads(out)[0]["title"])


def test_a_space_is_built_beside_judged_promoted_rolled_back_and_retired(
    precedent: Call, database: Database, tenant: str, source: str, owner_dsn: str
) -> None:
    old = listed(precedent, tenant)[0]["space"]
    narrow(database, tenant)
    layers = refreshed(precedent, source, *TEXT_AND_VECTORS)
    assert layers["vectors/embeddings"]["space/status"] == "building"
    new, active = listed(precedent, tenant)
    assert (new["status"], active["status"], active["space"]) == ("building", "active", old)
    assert new["lacks"] == ["no quality report on records"]
    # Search goes on with the model and the passages of the space that is active.
    assert best(precedent, tenant) == "Certificate of the edge gateway expired"
    code, _, error = precedent("space", "promote", new["space"], "--tenant", tenant)
    assert code == 2
    assert "no quality report on records" in error
    layers = refreshed(precedent, source)
    assert layers["vectors/embeddings"]["rows/added"] == 0
    assert layers["reports/vector_quality"]["space/promoted"] is True
    assert [line["status"] for line in listed(precedent, tenant)] == ["active", "previous"]
    assert best(precedent, tenant) == "Certificate of the edge gateway expired"

    assert precedent("space", "rollback", "--tenant", tenant)[0] == 0
    assert [(line["status"], line["held"]) for line in listed(precedent, tenant)] == [
        ("previous", True),
        ("active", False),
    ]
    assert best(precedent, tenant) == "Certificate of the edge gateway expired"
    layers = refreshed(precedent, source)
    assert layers["reports/vector_quality"]["space/promoted"] is False
    assert precedent("space", "promote", new["space"], "--tenant", tenant)[0] == 0
    code, _, error = precedent("space", "retire", new["space"], "--tenant", tenant)
    assert code == 2
    assert "is the active one" in error
    assert precedent("space", "retire", old, "--tenant", tenant)[0] == 0
    assert [line["status"] for line in listed(precedent, tenant)] == ["active", "retired"]
    with psycopg.connect(owner_dsn) as connection:
        cuts = connection.execute(
            "SELECT DISTINCT c.cut FROM chunks c JOIN tenants t ON t.id = c.tenant_id WHERE t.name = %s", (tenant,)
        ).fetchall()
        gone = connection.execute("SELECT to_regclass(%s)", (f"embeddings_{old}",)).fetchone()
    assert cuts == [("all-MiniLM-L6-v2/64",)]
    assert gone == (None,)
    code, _, error = precedent("space", "rollback", "--tenant", tenant)
    assert code == 2
    assert "no earlier space" in error


def test_a_space_with_a_failed_report_or_missing_vectors_is_not_promoted(
    precedent: Call, database: Database, tenant: str, source: str, owner_dsn: str, archive: Path
) -> None:
    other = f"{tenant}/second"
    assert precedent("source", "add", other, archive / "incidents.jsonl")[0] == 0
    refreshed(precedent, other)
    narrow(database, tenant)
    layers = refreshed(precedent, source)
    assert layers["reports/vector_quality"]["space/promoted"] is False
    new = listed(precedent, tenant)[0]
    assert new["lacks"][0] == "1 documents are not cut for it"
    refreshed(precedent, other, *TEXT_AND_VECTORS)
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        connection.execute(
            f"DELETE FROM embeddings_{new['space']} WHERE ctid IN (SELECT min(ctid) FROM embeddings_{new['space']})"
        )
        connection.execute("UPDATE quality_reports SET passed = false WHERE space_id = %s", (new["space"],))
    code, _, error = precedent("space", "promote", new["space"], "--tenant", tenant)
    assert code == 2
    assert "passages have no vector" in error
    assert "records failed" in error
    assert "no quality report on second" in error
    assert precedent("space", "promote", new["space"], "--tenant", tenant, "--force")[0] == 0


def test_a_space_that_lacks_vectors_does_not_hold_up_the_whole_one_that_takes_its_place(
    precedent: Call, database: Database, tenant: str, source: str, owner_dsn: str
) -> None:
    old = listed(precedent, tenant)[0]["space"]
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        connection.execute(f"DELETE FROM embeddings_{old} WHERE ctid = (SELECT min(ctid) FROM embeddings_{old})")
    narrow(database, tenant)
    layers = refreshed(precedent, source)
    assert layers["reports/vector_quality"]["space/promoted"] is True
    assert [line["status"] for line in listed(precedent, tenant)] == ["active", "previous"]


def test_a_space_of_another_tenant_is_not_there(precedent: Call, tenant: str, source: str) -> None:
    number = listed(precedent, tenant)[0]["space"]
    precedent("tenant", "add", "other-tenant")
    for command in ("promote", "retire"):
        code, _, error = precedent("space", command, number, "--tenant", "other-tenant")
        assert code == 1
        assert "There is no space" in error
    assert best(precedent, tenant) == "Certificate of the edge gateway expired"


def test_documents_that_return_and_sources_that_are_added_twice_cost_nothing(
    precedent: Call, tenant: str, source: str, archive: Path
) -> None:
    everything = [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)]
    write_lines(archive / "issues.jsonl", everything[:3])
    layers = refreshed(precedent, source)
    assert layers["vectors/embeddings"]["rows/deleted"] == 3
    write_lines(archive / "issues.jsonl", everything)
    layers = refreshed(precedent, source)
    assert layers["vectors/embeddings"]["cache/returned"] == 3
    assert layers["vectors/embeddings"]["provider/calls"] == 0
    assert layers["vectors/embeddings"]["dagster/partition_row_count"] == 7
    assert precedent("source", "add", f"{tenant}/again", archive)[0] == 0
    layers = refreshed(precedent, f"{tenant}/again")
    assert layers["vectors/embeddings"]["provider/calls"] == 0
    assert layers["vectors/embeddings"]["dagster/partition_row_count"] == 7
    assert layers["vectors/embeddings"]["cost/usd"] == 0


def test_the_index_comes_with_size_and_goes_for_bulk_loads(
    precedent: Call, tenant: str, source: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index, "EXACT_BELOW", 5)
    monkeypatch.setattr(vector_index, "BULK_ROWS", 4)
    assert refreshed(precedent, source)["vectors/embeddings"]["index/kind"] == "hnsw"
    assert best(precedent, tenant) == "Certificate of the edge gateway expired"
    dropped: list[bool] = []
    before = vector_index.before_writing

    def noted(*arguments: Any) -> bool:
        dropped.append(before(*arguments))
        return dropped[-1]

    monkeypatch.setattr(vector_index, "before_writing", noted)
    more = [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)]
    write_lines(archive / "issues.jsonl", [*more, issue(50, "One more", "A single new issue stays in the live index.")])
    assert refreshed(precedent, source)["vectors/embeddings"]["index/kind"] == "hnsw"
    many = [issue(n, f"Topic {n}", f"Text number {n} about brokers") for n in range(60, 70)]
    write_lines(archive / "issues.jsonl", [*more, *many])
    assert refreshed(precedent, source)["vectors/embeddings"]["index/kind"] == "hnsw"
    assert dropped == [False, True]
    assert best(precedent, tenant) == "Certificate of the edge gateway expired"
