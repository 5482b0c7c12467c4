import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import TOPICS, incident, issue, write_lines

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def source(precedent: Call, tenant: str, archive: Path) -> str:
    key = f"{tenant}/records"
    code, _, error = precedent("source", "add", key, archive)
    assert code == 0, error
    return key


def refreshed(precedent: Call, key: str, *options: str) -> dict[str, Any]:
    code, out, error = precedent("refresh", key, "--json", *options)
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    return found


def listed(precedent: Call, key: str) -> dict[str, Any]:
    tenant, name = key.split("/")
    rows = json.loads(precedent("source", "list", "--tenant", tenant, "--json")[1])
    return next(row for row in rows if row["name"] == name)


def test_records_become_vectors_and_a_recommendation(precedent: Call, source: str) -> None:
    outcome = refreshed(precedent, source)
    assert outcome["success"]
    assert all(outcome["checks"].values())
    row = listed(precedent, source)
    assert row["raw"] == {"issues": 6, "pull_requests": 0, "commits": 0, "comments": 0, "incidents": 1}
    assert (row["documents"], row["chunks"], row["embedded"]) == (7, 7, 7)
    assert (row["failed"], row["rejected"], row["state"]) == (0, 0, "ok")
    assert row["last_refresh"]
    tenant = source.split("/")[0]
    code, out, _ = precedent("recommend", "inc1", "--tenant", tenant, "--json")
    analysis = json.loads(out)
    assert code == 0
    assert analysis["provider"] == "local"
    assert analysis["recommendations"][0]["type"] == "database"
    assert analysis["evidence"][0]["external_id"] == "harbor/platform#1"


def test_a_second_refresh_does_nothing_again(precedent: Call, source: str) -> None:
    refreshed(precedent, source)
    layers = refreshed(precedent, source)["layers"]
    for name, layer in layers.items():
        assert layer.get("rows/added", 0) == 0, name
        assert layer.get("rows/changed", 0) == 0, name
    assert layers["vectors/embeddings"]["tokens/input"] == 0
    assert layers["reports/vector_quality"]["quality/made_anew"] is False


def test_a_changed_issue_is_the_only_one_embedded_again(precedent: Call, source: str, archive: Path) -> None:
    refreshed(precedent, source)
    records = [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)]
    records[2]["body"] = "The disk filled up because the retention job was switched off."
    write_lines(archive / "issues.jsonl", records)
    layers = refreshed(precedent, source)["layers"]
    assert layers["raw/issues"]["rows/changed"] == 1
    assert layers["text/documents"]["rows/changed"] == 1
    assert layers["vectors/embeddings"]["rows/added"] == 1
    assert layers["vectors/embeddings"]["rows/deleted"] == 1
    assert listed(precedent, source)["embedded"] == 7


def test_what_disappears_from_the_source_disappears_from_search(precedent: Call, source: str, archive: Path) -> None:
    refreshed(precedent, source)
    write_lines(archive / "issues.jsonl", [issue(n, *topic) for n, topic in enumerate(TOPICS[:-1], start=1)])
    outcome = refreshed(precedent, source)
    assert outcome["layers"]["raw/issues"]["rows/deleted"] == 1
    assert listed(precedent, source)["raw"]["issues"] == 5
    tenant = source.split("/")[0]
    results = json.loads(precedent("search", "login loops deployment", "--tenant", tenant, "--json")[1])
    assert "harbor/platform#6" not in [result["external_id"] for result in results]


def test_an_unreadable_record_is_kept_as_rejected_and_nothing_is_removed(
    precedent: Call, source: str, archive: Path
) -> None:
    refreshed(precedent, source)
    path = archive / "issues.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], lines[5][:40]]) + "\n")
    outcome = refreshed(precedent, source)
    row = listed(precedent, source)
    assert row["rejected"] == 1
    assert row["raw"]["issues"] == 6
    assert outcome["checks"]["raw/issues:nothing_rejected"] is False
    code, _, error = precedent("refresh", source, "--strict")
    assert code == 1
    assert "rejected" in error


def test_the_newer_of_two_payloads_wins_and_is_noted(precedent: Call, source: str, archive: Path) -> None:
    old, new = TOPICS[0]
    write_lines(
        archive / "issues.jsonl",
        [
            issue(1, "The newer title", new, updated_at="2025-06-02T00:00:00Z"),
            issue(1, old, new, updated_at="2025-06-01T00:00:00Z"),
        ],
    )
    layers = refreshed(precedent, source)["layers"]
    assert layers["raw/issues"]["rows/duplicate_ids"] == 1
    tenant = source.split("/")[0]
    results = json.loads(precedent("search", "newer title", "--tenant", tenant, "--kind", "issue", "--json")[1])
    assert [result["title"] for result in results] == ["The newer title"]


def test_a_new_incident_gets_its_analysis_and_no_other_is_made_again(
    precedent: Call, source: str, archive: Path
) -> None:
    refreshed(precedent, source)
    write_lines(
        archive / "incidents.jsonl",
        [
            incident("Checkout errors", "Checkout answers 500: connection pool exhausted on the database."),
            incident("Labels are not printed", "label-renderer OOMKilled, restarts every few minutes", 2),
        ],
    )
    layer = refreshed(precedent, source)["layers"]["incidents/recommendations"]
    assert (layer["rows/added"], layer["rows/unchanged"]) == (1, 1)


def test_time_bounds_limit_what_is_read_and_remove_nothing(precedent: Call, source: str) -> None:
    outcome = refreshed(precedent, source, "--created-after", "2025-03-04", "--created-before", "2025-03-06")
    assert outcome["layers"]["raw/issues"]["rows/added"] == 2
    assert refreshed(precedent, source)["layers"]["raw/issues"]["dagster/partition_row_count"] == 6


def test_a_full_refresh_reads_all_and_embeds_nothing_again(precedent: Call, source: str) -> None:
    refreshed(precedent, source)
    layers = refreshed(precedent, source, "--full")["layers"]
    assert layers["raw/issues"]["rows/changed"] == 6
    assert layers["vectors/embeddings"]["rows/added"] == 0


def test_one_layer_can_be_refreshed_alone(precedent: Call, source: str) -> None:
    assert set(refreshed(precedent, source, "--select", "raw")["layers"]) == {
        "raw/issues",
        "raw/pull_requests",
        "raw/commits",
        "raw/comments",
        "raw/incidents",
        "raw/releases",
        "raw/deployments",
    }


def test_removing_a_source_removes_its_rows_and_vectors(precedent: Call, source: str, owner_dsn: str) -> None:
    import psycopg

    refreshed(precedent, source)
    assert precedent("source", "remove", source)[0] == 0
    tenant = source.split("/")[0]
    with psycopg.connect(owner_dsn) as connection:
        for table in ("raw_items", "documents", "chunks", "embeddings", "analysis_runs", "quality_reports"):
            row = connection.execute(
                f"SELECT count(*) FROM {table} JOIN tenants t ON t.id = tenant_id WHERE t.name = %s",
                (tenant,),
            ).fetchone()
            assert row == (0,), table


def test_two_refreshes_of_one_source_at_once_both_succeed(
    precedent: Call, source: str, archive: Path, platform_home: Path
) -> None:
    command = [sys.executable, "-m", "orchestration.cli", "refresh", source, "--full", "--json"]
    environment = {**os.environ, "PRECEDENT_HOME": str(platform_home)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    for run in both:
        _, error = run.communicate(timeout=120)
        assert run.returncode == 0, error.decode()
    row = listed(precedent, source)
    assert (row["documents"], row["chunks"], row["embedded"]) == (7, 7, 7)


def test_a_source_that_has_gone_is_one_sentence_and_keeps_its_rows(precedent: Call, source: str, archive: Path) -> None:
    refreshed(precedent, source)
    archive.rename(archive.with_name("moved"))
    code, _, error = precedent("refresh", source, "--json")
    assert code == 1
    assert "does not exist: check the path." in error
    assert listed(precedent, source)["documents"] == 7


def test_similar_finds_what_resembles_an_item(precedent: Call, source: str) -> None:
    refreshed(precedent, source)
    tenant = source.split("/")[0]
    code, out, error = precedent("similar", "inc1", "--tenant", tenant, "--kind", "issue", "--json")
    assert code == 0, error
    assert json.loads(out)[0]["external_id"] == "harbor/platform#1"


def test_a_source_that_is_removed_and_added_again_embeds_nothing_again(
    precedent: Call, source: str, archive: Path, owner_dsn: str
) -> None:
    import psycopg

    embedded = refreshed(precedent, source)["layers"]["vectors/embeddings"]["rows/added"]
    assert embedded == 7
    assert precedent("source", "remove", source)[0] == 0
    # Another tenant gets nothing of it, not even the knowledge that such texts were there.
    other = f"{source.partition('/')[0]}-other"
    precedent("tenant", "add", other)
    assert precedent("source", "add", f"{other}/records", archive)[0] == 0
    layer = refreshed(precedent, f"{other}/records")["layers"]["vectors/embeddings"]
    assert (layer["rows/added"], layer["cache/returned"]) == (7, 0)
    assert precedent("source", "add", source, archive)[0] == 0
    layer = refreshed(precedent, source)["layers"]["vectors/embeddings"]
    assert (layer["rows/added"], layer["cache/returned"]) == (0, 7)
    assert listed(precedent, source)["embedded"] == 7
    with psycopg.connect(owner_dsn) as connection:
        kept = connection.execute(
            "SELECT count(*) FROM embedding_cache k JOIN tenants t ON t.id = k.tenant_id WHERE t.name = ANY(%s)",
            ([source.partition("/")[0], other],),
        ).fetchone()
    assert kept == (0,)
