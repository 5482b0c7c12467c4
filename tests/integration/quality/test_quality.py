"""Faults in the database, between records and report: each fails its gate by name, and what is repaired passes."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from orchestration.cli import run
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.runtime.embedder import Embedder
from precedent.quality import repository as reports
from precedent.quality import samples
from precedent.quality.measures import Vectors
from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from precedent.vectors.embedding import EmbeddingError
from tests.conftest import DATA
from tests.integration.quality.quality_planting import altered, blocking, failed, measured, planted
from tests.unit.quality.planting import Fault, cone, cut, identical, random, swapped

Call = Callable[..., tuple[int, str, str]]
ISSUES = DATA / "jira" / "issues.jsonl.gz"
pytestmark = [
    pytest.mark.records,
    pytest.mark.skipif(not ISSUES.exists(), reason="the shared records are absent"),
]
MOST = 90


def a_third(vectors: Vectors) -> Vectors:
    return swapped(vectors, 0.3)


@pytest.fixture(scope="module")
def source(database: Database, tmp_path_factory: pytest.TempPathFactory) -> SourceRow:
    """Short real issues, refreshed once; whoever plants a fault takes it out again."""
    folder = tmp_path_factory.mktemp("quality")
    with gzip.open(ISSUES, "rt") as lines, (folder / "issues.jsonl").open("w") as out:
        kept = 0
        for line in lines:
            if 200 < len(json.loads(line)["fields"].get("description") or "") < 1_500 and kept < MOST:
                out.write(line)
                kept += 1
    key = f"q-{uuid4().hex[:8]}/issues"
    assert run(["tenant", "add", key.split("/")[0]]) == 0
    assert run(["source", "add", key, str(folder)]) == 0
    layers = [word for layer in ("raw", "text", "vectors", "reports") for word in ("--select", layer)]
    assert run(["refresh", key, "--json", *layers]) == 0
    return catalog.get(database, key)


def test_clean_vectors_pass_every_gate(database: Database, source: SourceRow) -> None:
    report = measured(database, source)
    assert (report.score, report.passed, failed(report)) == (100.0, True, set())
    unmeasured = {gate["name"] for gate in report.gates if gate["passed"] is None}
    assert unmeasured == set()
    assert report.measures["recall"]["indexed"] is False
    assert report.measures["text_loss"] | {"passages": 0, "tokens": 0, "documents": 0} == {
        "passages": 0,
        "tokens": 0,
        "documents": 0,
        "cut": 0.0,
        "lost": 0.0,
    }


@pytest.mark.parametrize(
    ("fault", "gates"),
    [
        (a_third, {"canary_below_099", "canary_mean", "title_to_body_ratio"}),
        (lambda v: np.roll(v, 1, axis=0), {"canary_below_099", "title_to_body_ratio", "title_to_body_mrr"}),
        (identical, {"duplicate_rate"}),
        (cut, {"canary_below_099", "canary_mean"}),
        (random, {"canary_below_099", "title_to_body_ratio", "title_to_body_mrr"}),
        (cone, {"canary_below_099", "mean_cosine"}),
    ],
    ids=["30 % swapped", "all swapped", "5 % identical", "cut", "random", "cone"],
)
def test_a_fault_in_storage_fails_its_gates(
    database: Database, source: SourceRow, fault: Fault, gates: set[str]
) -> None:
    with planted(database, source, fault):
        report = measured(database, source)
    assert gates <= failed(report)
    assert (report.score, report.passed) == (0.0, False)
    assert gates - {"mean_cosine"} <= blocking(report)


def test_the_database_keeps_out_zero_vectors(database: Database, source: SourceRow) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), planted(database, source, np.zeros_like):
        pass


def test_vectors_of_a_model_that_is_no_longer_configured_are_stale(database: Database, source: SourceRow) -> None:
    there = "UPDATE embedding_spaces SET model_revision = 'old' WHERE status = 'active'"
    with database.bulk(source.tenant_id) as connection:
        revision = connection.execute("SELECT model_revision FROM embedding_spaces").fetchone()[0]  # type: ignore[index]
    with altered(database, source, there, f"UPDATE embedding_spaces SET model_revision = '{revision}'"):
        report = measured(database, source)
    assert blocking(report) == {"stale_model"}
    (gate,) = (gate for gate in report.gates if gate["name"] == "stale_model")
    assert f"model_fingerprint old stored, {revision} configured" in gate["reason"]


def test_a_document_without_its_passages_is_lost_text(database: Database, source: SourceRow) -> None:
    there = (
        f"CREATE TEMP TABLE lost AS SELECT * FROM chunks WHERE source_id = {source.id} AND document_id IN "
        f"(SELECT id FROM documents WHERE source_id = {source.id} ORDER BY sha256(content_hash || 'quality') LIMIT 3);"
        "DELETE FROM chunks WHERE id IN (SELECT id FROM lost)"
    )
    columns = "tenant_id, source_id, document_id, comment_id, cut, ordinal, text, tokens, content_hash"
    with database.bulk(source.tenant_id) as connection:
        connection.execute(there)
        rows = connection.execute(f"SELECT {columns} FROM lost").fetchall()
        connection.execute("DROP TABLE lost")
    try:
        report = measured(database, source)
    finally:
        with database.bulk(source.tenant_id) as connection, connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO chunks ({columns}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", rows)
    assert blocking(report) == {"tokens_lost"}


def test_passages_beyond_the_window_are_cut_text(database: Database, source: SourceRow) -> None:
    grown, back = (f"UPDATE chunks SET tokens = tokens {sign} 300 WHERE source_id = {source.id}" for sign in "+-")
    with altered(database, source, grown, back):
        report = measured(database, source)
    assert blocking(report) == {"tokens_cut"}


def test_an_id_in_the_place_of_a_title_is_not_held_against_the_body(database: Database, source: SourceRow) -> None:
    assert measured(database, source).measures["title_to_body"]["pairs"] > 60
    with database.bulk(source.tenant_id) as connection:
        kept = connection.execute("SELECT title, id FROM documents WHERE source_id = %s", (source.id,)).fetchall()
        # As long as the titles that are looked at.
        connection.execute("UPDATE documents SET external_id = 'urn:records:' || external_id")
        connection.execute("UPDATE documents SET title = external_id")
    try:
        report = measured(database, source)
    finally:
        with database.bulk(source.tenant_id) as connection, connection.cursor() as cursor:
            cursor.executemany("UPDATE documents SET title = %s WHERE id = %s", kept)
            cursor.execute("UPDATE documents SET external_id = split_part(external_id, ':', 3)")
    assert report.measures["title_to_body"] is None
    # The passages still have the titles that they were cut with.
    assert blocking(report) <= {"tokens_lost"}


def test_missing_vectors_are_missing_coverage(database: Database, source: SourceRow) -> None:
    with database.bulk(source.tenant_id) as connection:
        connection.execute(
            "INSERT INTO embedding_cache SELECT space_id, content_hash, embedding, now(), tenant_id FROM embeddings "
            "WHERE get_byte(content_hash, 0) < 26"
        )
        connection.execute("DELETE FROM embeddings WHERE get_byte(content_hash, 0) < 26")
    try:
        report = measured(database, source)
    finally:
        with database.bulk(source.tenant_id) as connection:
            space_id = connection.execute("SELECT id FROM embedding_spaces").fetchone()[0]  # type: ignore[index]
            assert embeddings.restore(connection, source.id, space_id) > 0
    assert blocking(report) == {"coverage"}


def test_a_model_that_does_not_answer_gives_no_verdict(
    database: Database, source: SourceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise EmbeddingError("connection refused")

    monkeypatch.setattr(Embedder, "embed", silent)
    with database.bulk(source.tenant_id) as connection:
        before = reports.history(connection, source.id)
    with pytest.raises(PrecedentError, match=r"does not answer now \(connection refused\)"):
        measured(database, source)
    with database.bulk(source.tenant_id) as connection:
        assert reports.history(connection, source.id) == before


def test_refresh_stops_at_a_fault_and_names_it(precedent: Call, database: Database, source: SourceRow) -> None:
    with planted(database, source, a_third):
        code, _, error = precedent("refresh", source.key, "--select", "reports", "--json")
        assert code == 1
        assert "reports/vector_quality:quality_score failed" in error
        assert "canary_below_099" in error
        assert "title_to_body_ratio" in error
    # Repaired, with the same passages as ever: it is the vectors that decide whether a report is due.
    code, out, error = precedent("refresh", source.key, "--select", "reports", "--json")
    assert code == 0, error
    layer = json.loads(out)["layers"]["reports/vector_quality"]
    assert (layer["quality/made_anew"], layer["quality/score"], layer["quality/failed_gates"]) == (True, 100, "none")
    assert (layer["trend/score"], layer["trend/count"], layer["trend/same_space"]) == (100, 0, True)
    assert layer["trend/canary_mean"] > 0.05
    layer = json.loads(precedent("refresh", source.key, "--select", "reports", "--json")[1])["layers"]
    assert layer["reports/vector_quality"]["quality/made_anew"] is False


def test_only_the_newest_report_keeps_pictures_and_vectors(database: Database, source: SourceRow) -> None:
    measured(database, source)
    with database.bulk(source.tenant_id) as connection:
        rows = connection.execute(
            "SELECT sample IS NOT NULL, figures <> '{}' FROM quality_reports WHERE source_id = %s ORDER BY id",
            (source.id,),
        ).fetchall()
        kept = reports.latest_sample(connection, source.id, reports.latest(connection, source.id).space_id)  # type: ignore[union-attr]
    assert len(rows) > 1
    assert set(rows[:-1]) == {(False, False)}
    assert rows[-1] == (True, True)
    assert kept is not None
    assert kept.vectors.shape[1] == 384
    assert np.linalg.norm(kept.vectors, axis=1) == pytest.approx(1, abs=0.01)


def test_vectors_that_came_since_are_compared_with_those_before(database: Database, source: SourceRow) -> None:
    measured(database, source)
    with planted(database, source, lambda v: v):
        same = measured(database, source).measures["drift"]
    with planted(database, source, cone):
        other = measured(database, source).measures["drift"]
    assert same["new"] > 60
    assert same["p_value"] > 0.5
    assert other["p_value"] < 0.01
    assert other["mmd2"] > other["null_95"]


def test_digests_are_of_vectors_and_not_only_of_texts(database: Database, source: SourceRow) -> None:
    def digest() -> str:
        with database.bulk(source.tenant_id) as connection:
            report = reports.latest(connection, source.id)
            assert report is not None
            space = spaces.get(connection, report.space_id)
            return samples.digest(connection, source.id, space)[1]

    before = digest()
    with planted(database, source, a_third):
        assert digest() != before
    assert digest() == before
    assert len(before) == 32


def test_the_page_is_one_file_without_a_word_of_the_texts(
    precedent: Call, database: Database, source: SourceRow, tmp_path: Path
) -> None:
    file = tmp_path / "quality.html"
    code, out, error = precedent("report", source.key, "--out", file)
    assert code == 0, error
    assert f"Written to {file}" in out
    page = file.read_text()
    assert source.key in page
    with database.bulk(source.tenant_id) as connection:
        titles = [row[0] for row in connection.execute("SELECT title FROM documents WHERE length(title) > 20")]
    assert titles
    assert not [title for title in titles if title in page]


def test_the_report_as_json(precedent: Call, database: Database, source: SourceRow) -> None:
    measured(database, source)
    code, out, error = precedent("report", source.key, "--json")
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    assert (found["source"], found["passed"], found["up_to_date"], found["failed_gates"]) == (
        source.key,
        True,
        True,
        [],
    )
    assert found["space"]["model"] == "all-MiniLM-L6-v2"
    assert len(found["history"]) <= 30
    assert "file" not in found
    with planted(database, source, a_third):
        assert json.loads(precedent("report", source.key, "--json")[1])["up_to_date"] is False


def test_a_source_without_a_report_says_what_to_do(precedent: Call, tenant: str, archive: Path, tmp_path: Path) -> None:
    precedent("source", "add", f"{tenant}/records", archive)
    code, _, error = precedent("report", f"{tenant}/records")
    assert code == 1
    assert f"precedent refresh {tenant}/records" in error


def test_a_file_that_cannot_be_written_says_why(precedent: Call, source: SourceRow, tmp_path: Path) -> None:
    code, _, error = precedent("report", source.key, "--out", tmp_path / "absent" / "page.html")
    assert code == 2
    assert "name a file in a folder that exists" in error
