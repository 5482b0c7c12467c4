"""A model of another dimension than the packaged one, in a folder that the environment names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precedent.vectors.engine.model_files import ModelFiles
from tests.integration.conftest import TOPICS, issue, write_lines

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def source(precedent: Call, tmp_path: Path) -> str:
    tenant = f"t-{tmp_path.name[-40:].replace('_', '-')}"
    folder = tmp_path / "archive"
    folder.mkdir()
    write_lines(folder / "issues.jsonl", [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)])
    assert precedent("tenant", "add", tenant)[0] == 0
    assert precedent("source", "add", f"{tenant}/records", folder)[0] == 0
    return f"{tenant}/records"


def refreshed(precedent: Call, source: str) -> dict[str, Any]:
    _, out, _ = precedent("refresh", source, "--select", "raw", "--select", "text", "--select", "vectors", "--json")
    found: dict[str, Any] = json.loads(out)["layers"]["vectors/embeddings"]
    return found


@pytest.mark.parametrize("dense", [False, True])
def test_the_files_say_the_models_name_and_dimensions(
    precedent: Call, source: str, tiny: Callable[..., ModelFiles], monkeypatch: pytest.MonkeyPatch, dense: bool
) -> None:
    files = tiny(dense=dense, width=24 if dense else 32)
    monkeypatch.setenv("PRECEDENT_MODEL_PATH", str(files.folder))
    layer = refreshed(precedent, source)
    assert (layer["rows/failed"], layer["rows/added"]) == (0, 6)
    tenant = source.split("/")[0]
    space = json.loads(precedent("space", "list", "--tenant", tenant, "--json")[1])[0]
    assert (space["model"], space["dimensions"], space["vectors"]) == (files.name, 24 if dense else 32, 6)
    code, out, error = precedent("search", "certificate", "--tenant", tenant, "--mode", "vector", "--json")
    assert code == 0, error
    assert len(json.loads(out)) == 6


def test_a_row_that_says_other_dimensions_is_told_what_to_do(
    precedent: Call, source: str, tiny: Callable[..., ModelFiles]
) -> None:
    folder, tenant = tiny().folder, source.split("/")[0]
    options = ("--option", f"path={folder}", "--option", "dimensions=384", "--no-test", "--activate")
    code, _, error = precedent("provider", "add", "small", "--driver", "sentence_transformers", "-t", tenant, *options)
    assert code == 0, error
    code, _, error = precedent("refresh", source, "--select", "raw", "--select", "text", "--select", "vectors")
    assert code == 1
    assert "small is configured with 384 dimensions" in error
    assert "set --option dimensions=32" in error
