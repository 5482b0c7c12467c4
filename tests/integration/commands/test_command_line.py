import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["refresh", "nobody/nothing"], 1, "There is no tenant 'nobody'"),
        (["refresh", "default/nothing"], 1, "has no source 'nothing'"),
        (["refresh"], 2, "Name a source"),
        (["refresh", "a/b/c"], 2, "write TENANT/SOURCE"),
        (["source", "add", "x", "/does/not/exist"], 1, "does not exist"),
        (["source", "add", "x", ".", "--kind", "ftp"], 2, "There is no source kind 'ftp'"),
        (["source", "add", "Bad,Name", "."], 2, "cannot be the name"),
        (["source", "remove", "nothing"], 1, "has no source"),
        (["tenant", "add", "a/b"], 2, "cannot be the name of a tenant"),
        (["search", "x", "--tenant", "nobody"], 1, "There is no tenant"),
        (["search", "x", "--kind", "poem"], 2, "There is no kind 'poem'"),
        (["search", "x", "--before", "yesterday"], 2, "is no ISO 8601 date"),
        (["search"], 2, "Say what to look for"),
        (["recommend"], 2, "Name an incident"),
        (["no-such-command"], 2, "No such command"),
        (["search", "--k", "many", "x"], 2, "Invalid value"),
    ],
)
def test_a_wrong_call_is_one_line_that_says_what_to_do(
    precedent: Call, arguments: list[str], code: int, words: str
) -> None:
    found, out, error = precedent(*arguments)
    assert found == code
    assert words in error
    assert error.count("\n") == 1
    assert out == ""
    assert "Traceback" not in error


def test_an_error_nobody_foresaw_leaves_its_traceback_in_a_file(
    precedent: Call, monkeypatch: pytest.MonkeyPatch, platform_home: Path
) -> None:
    from precedent.tenants import tenants as tenancy

    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(tenancy, "list", broken)
    code, _, error = precedent("tenant", "list")
    assert code == 1
    assert "Unexpected ZeroDivisionError: planted" in error
    assert "Traceback" not in error
    assert any("ZeroDivisionError" in log.read_text() for log in (platform_home / "logs").iterdir())


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_a_model_that_is_not_the_published_one_is_refused(
    precedent: Call, tenant: str, archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    from precedent.vectors.engine import model_files

    assert precedent("source", "add", f"{tenant}/records", archive)[0] == 0

    package = tmp_path / "package"
    (package / "model").mkdir(parents=True)
    if damage == "other":
        (package / "model" / "model.safetensors").write_bytes(b"not the weights")

    class Spec:
        submodule_search_locations = (str(package),)

    monkeypatch.setattr(model_files, "find_spec", lambda _: Spec)
    code, _, error = precedent("refresh", f"{tenant}/records", "--json")
    assert code == 1
    assert "model.safetensors" in error
    assert ("is missing" if damage == "missing" else "not the published ones") in error


def test_doctor_finds_everything_in_order(precedent: Call) -> None:
    code, out, _ = precedent("doctor", "--json")
    findings = json.loads(out)
    assert code == 0
    assert {finding["what"] for finding in findings} == {
        "python",
        "state folder",
        "embedding model",
        "database",
        "rights",
        "dagster storage",
    }
    assert all(finding["ok"] for finding in findings)


def test_the_default_tenant_exists_from_the_start(precedent: Call) -> None:
    assert {"tenant": "default"} in json.loads(precedent("tenant", "list", "--json")[1])


def test_a_batch_of_queries_is_answered_line_by_line(
    precedent: Call, tenant: str, archive: Path, tmp_path: Path
) -> None:
    precedent("source", "add", f"{tenant}/records", archive)
    precedent("refresh", f"{tenant}/records", "--json")
    batch, out = tmp_path / "queries.jsonl", tmp_path / "answers.jsonl"
    queries = [
        {"id": 1, "query": "out of memory in the label renderer", "k": 2},
        {"id": "two", "query": "certificate", "kinds": ["issue"], "mode": "text"},
        {"id": 3, "query": "certificate expired", "exclude": ["harbor/platform#4"], "mode": "vector"},
        {"id": 4, "query": "connection pool", "before": "2025-03-03"},
    ]
    batch.write_text("".join(json.dumps(query) + "\n" for query in queries))
    code, _, error = precedent("search", "--batch", batch, "--out", out, "--tenant", tenant)
    assert code == 0, error
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    assert [answer["id"] for answer in answers] == [1, "two", 3, 4]
    assert answers[0]["results"][0]["external_id"] == "harbor/platform#2"
    assert len(answers[0]["results"]) == 2
    assert [result["external_id"] for result in answers[1]["results"]] == ["harbor/platform#4"]
    assert "harbor/platform#4" not in [result["external_id"] for result in answers[2]["results"]]
    assert [result["external_id"] for result in answers[3]["results"]] == ["harbor/platform#1"]
    assert {"external_id", "source", "kind", "title", "score"} <= set(answers[0]["results"][0])


def test_a_batch_with_a_bad_line_names_it(precedent: Call, tmp_path: Path) -> None:
    batch = tmp_path / "queries.jsonl"
    batch.write_text('{"id": 1, "query": "x"}\n{"query": "no id"}\n')
    code, _, error = precedent("search", "--batch", batch)
    assert code == 2
    assert "Line 2" in error


def test_the_installed_command_leaves_no_process_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "PRECEDENT_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "orchestration.cli", "tenant", "list", "--json"]
    done = subprocess.run(command, capture_output=True, env=environment, check=True, text=True)
    assert json.loads(done.stdout) == [{"tenant": "default"}]
    assert done.stderr == ""
    assert not (tmp_path / "home" / "postgres" / "postmaster.pid").exists()
