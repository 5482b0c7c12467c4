"""A provider that fails: counted, visible, tried again; never a wrong vector."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from precedent.providers.drivers.sentence_transformers import SentenceTransformersDriver
from precedent.providers.runtime.embedder import Embedder
from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError

Call = Callable[..., tuple[int, str, str]]
embed = SentenceTransformersDriver.embed


def failing_on(word: str) -> Callable[[SentenceTransformersDriver, Sequence[str]], EmbeddingBatch]:
    def attempt(self: SentenceTransformersDriver, texts: Sequence[str]) -> EmbeddingBatch:
        if any(word in text for text in texts):
            raise EmbeddingError("the model failed on purpose")
        return embed(self, texts)

    return attempt


def row(precedent: Call, tenant: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(precedent("source", "list", "--tenant", tenant, "--json")[1])[0]
    return found


def test_what_cannot_be_embedded_is_counted_and_tried_again(
    precedent: Call, tenant: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precedent("source", "add", f"{tenant}/records", archive)
    with monkeypatch.context() as broken:
        broken.setattr(SentenceTransformersDriver, "embed", failing_on("Certificate"))
        code, out, error = precedent("refresh", f"{tenant}/records", "--json")
    assert code == 1
    assert "coverage" in error
    assert "6 of 7 passages have a vector" in error
    assert json.loads(out)["checks"]["vectors/embeddings:coverage"] is False
    found = row(precedent, tenant)
    assert (found["embedded"], found["failed"], found["state"]) == (6, 1, "incomplete")

    code, out, error = precedent("refresh", f"{tenant}/records", "--json")
    assert code == 0, error
    assert json.loads(out)["layers"]["vectors/embeddings"]["rows/added"] == 1
    found = row(precedent, tenant)
    assert (found["embedded"], found["failed"], found["state"]) == (7, 0, "ok")


def test_another_model_gets_a_space_of_its_own_and_replaces_the_old_one_when_complete(
    precedent: Call, tenant: str, archive: Path, monkeypatch: pytest.MonkeyPatch, owner_dsn: str
) -> None:
    import dataclasses

    import psycopg

    from precedent.vectors.space import SpaceProfile

    precedent("source", "add", f"{tenant}/records", archive)
    assert precedent("refresh", f"{tenant}/records", "--json")[0] == 0
    profile = Embedder.profile.func  # type: ignore[attr-defined]

    def other(self: Embedder) -> SpaceProfile:
        return dataclasses.replace(profile(self), model_fingerprint="another")

    monkeypatch.setattr(Embedder, "profile", property(other))
    code, out, error = precedent("refresh", f"{tenant}/records", "--json")
    assert code == 0, error
    assert json.loads(out)["layers"]["reports/vector_quality"]["space/promoted"] is True
    with psycopg.connect(owner_dsn) as connection:
        spaces = connection.execute(
            "SELECT s.model_revision, s.status FROM embedding_spaces s JOIN tenants t ON t.id = s.tenant_id "
            "WHERE t.name = %s ORDER BY s.id",
            (tenant,),
        ).fetchall()
    assert [status for _, status in spaces] == ["previous", "active"]
    assert precedent("search", "certificate", "--tenant", tenant, "--json")[0] == 0
