"""The search command's vector leg by a tenant's Qdrant, and without it where the store does not answer."""

import json
from typing import Any

import pytest

from precedent.search import retrieval
from precedent.vector_stores import nearest
from tests.integration.qdrant.qdrant_tenants import Filled

pytest_plugins = ["tests.integration.qdrant.qdrant_tenants"]


def found(filled: Filled, *options: object) -> list[dict[str, Any]]:
    code, out, error = filled.call(
        "search", "gateway 7 fails, the pool is empty", "--tenant", filled.tenant, "--json", *options
    )
    assert code == 0, error
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


@pytest.mark.parametrize("options", [("--mode", "vector"), (), ("--kind", "issue"), ("--kind", "commit")])
def test_search_by_the_store_finds_what_postgres_does(
    options: tuple[str, ...], settled: Filled, local: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = found(settled, *options)
    settled.use(local)
    settled.mirror()
    asked: list[int] = []
    ask = nearest.nearest
    monkeypatch.setattr(nearest, "nearest", lambda *arguments: asked.append(1) or ask(*arguments))
    if "--kind" not in options:  # a filter that takes too much is answered by PostgreSQL
        monkeypatch.setattr(retrieval, "by_vector", pytest.fail)
    stored = found(settled, *options)
    assert asked
    assert [row["external_id"] for row in stored] == [row["external_id"] for row in plain]
    assert [row["score"] for row in stored] == pytest.approx([row["score"] for row in plain], abs=1e-3)


def test_a_store_that_is_down_costs_a_warning_and_no_result(
    settled: Filled, local: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from precedent.qdrant.errors import StoreError, StoreFault

    settled.use(local)
    settled.mirror()
    plain = found(settled)

    def down(*_: object) -> None:
        raise StoreError("qdrant", next(iter(StoreFault)), "no answer")

    monkeypatch.setattr(nearest, "nearest", down)
    assert [row["external_id"] for row in found(settled)] == [row["external_id"] for row in plain]
    assert "PostgreSQL answers in the place of the vector store" in caplog.text
