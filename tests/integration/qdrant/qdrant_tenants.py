"""Tenants with vectors and a store, for the tests of Qdrant."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from orchestration.cli import run
from precedent.database.session import Database
from precedent.qdrant import errors as failures
from precedent.qdrant.client import TenantCollection
from precedent.settings import Settings
from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.vector_stores import nearest
from precedent.vector_stores import repository as vector_stores
from precedent.vector_stores.connection import open_server
from precedent.vector_stores.mirror import Mirrored, mirror
from precedent.vector_stores.repository import StoreSpecification
from precedent.vectors import promotion
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from precedent.vectors.space import Space, SpaceProfile
from tests.integration.conftest import issue, write_lines
from tests.integration.qdrant.qdrant_wire import QdrantWire

Call = Callable[..., tuple[int, str, str]]
ISSUES = 30
RECORDS = [issue(n, f"Gateway {n} fails", f"Case {n}: the pool is empty.") for n in range(1, ISSUES + 1)]


class Filled:
    """A tenant with a source whose passages are embedded."""

    def __init__(self, database: Database, call: Call, tenant: str, path: Path) -> None:
        self.database, self.call, self.tenant, self.path = database, call, tenant, path
        self.settings = Settings.from_environment()
        self.key = f"{tenant}/records"
        if call("tenant", "add", tenant)[0] or call("source", "add", self.key, path)[0]:
            raise AssertionError("the source was not added")
        self.refresh("raw", "text", "vectors")

    def refresh(self, *layers: str, code: int = 0) -> dict[str, Any]:
        chosen = [part for layer in layers for part in ("--select", layer)]
        found, out, error = self.call("refresh", self.key, *chosen, "--json")
        assert found == code, error + out
        answer: dict[str, Any] = json.loads(out) if out.strip() else {"error": error}
        return answer

    @property
    def source(self) -> SourceRow:
        return catalog.get(self.database, self.key)

    def use(
        self,
        url: str,
        isolation: str = "shared",
        key: str | None = None,
        name: str | None = None,
        *,
        grpc: bool = False,
    ) -> None:
        secrets = {"api_key": key} if key else None
        name = name or f"s-{uuid4().hex[:6]}"
        spec = StoreSpecification(name, url, isolation, grpc, secrets)
        vector_stores.save(self.database, self.settings, self.tenant, spec, replace=True)

    @property
    def store(self) -> vector_stores.StoreRow:
        row = vector_stores.active(self.database, self.source.tenant_id)
        assert row is not None
        return row

    def mirror(self, *, everything: bool = False) -> list[Mirrored]:
        return mirror(self.database, self.settings, self.store, self.source, lambda _: None, everything=everything)

    def collection(self, space: Space | None = None) -> TenantCollection:
        server = open_server(self.database, self.settings, self.store)
        space = space or self.active
        return server.part(server.name_of(space, self.store.isolation), space.id)

    @property
    def active(self) -> Space:
        with self.database.bulk(self.source.tenant_id) as connection:
            return spaces.active(connection)

    def vectors(self, space: Space | None = None) -> dict[bytes, np.ndarray]:
        """PostgreSQL's vectors of a space."""
        with self.database.bulk(self.source.tenant_id) as connection:
            rows = connection.execute(
                "SELECT content_hash, embedding::text FROM embeddings WHERE space_id = %s", ((space or self.active).id,)
            ).fetchall()
        return {bytes(digest): np.array(json.loads(text), dtype=np.float32) for digest, text in rows}

    def other_space(self, dimensions: int = 6, model: str = "other") -> Space:
        """A space of another model beside the active one, with a vector for every passage."""
        rng = np.random.default_rng(7)
        hashes = list(self.vectors())
        profile = SpaceProfile("test", model, "1", dimensions, "float32", "none", self.active.profile.cut)
        with self.database.bulk(self.source.tenant_id) as connection:
            space = spaces.ensure(connection, self.source.tenant_id, profile)
            made = rng.normal(size=(len(hashes), dimensions)).astype(np.float32)
            embeddings.save(connection, self.source.tenant_id, space.id, hashes, made)
        return space

    def promote(self, space: Space) -> None:
        with self.database.bulk(self.source.tenant_id) as connection:
            promotion.promote(connection, self.source.tenant_id, space.id, force=True)

    def retire(self, space: Space) -> None:
        with self.database.bulk(self.source.tenant_id) as connection:
            promotion.retire(connection, self.source.tenant_id, space.id)

    def ask(self, vector: np.ndarray, limit: int = 5) -> nearest.Answer:
        return nearest.nearest_or_reason(
            self.database, self.settings, self.source.tenant_id, self.active, [vector], limit
        )


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(failures, "FIRST_WAIT_S", 0.01)
    yield
    close_servers()


def close_servers() -> None:
    """Close the servers that searches have opened in this process, and end every pause."""
    for store in nearest._open.values():
        store.server.close()
    nearest._open.clear()
    nearest._paused.clear()


@pytest.fixture
def local() -> Iterator[str]:
    """The address of a server on loopback, for tests that do not look at what it is asked."""
    with QdrantWire() as running:
        yield running.url


@pytest.fixture
def fill(precedent: Call, database: Database, tmp_path: Path) -> Callable[..., Filled]:
    """Make a tenant of the test's own; all have the same records, so the same texts and vectors."""

    def make() -> Filled:
        path = tmp_path / f"{uuid4().hex[:6]}.jsonl"
        write_lines(path, RECORDS)
        return Filled(database, precedent, f"q-{uuid4().hex[:8]}", path)

    return make


@pytest.fixture(scope="module")
def settled(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """One tenant for the tests that change nothing in PostgreSQL but the store that is used."""
    path = tmp_path_factory.mktemp("settled") / "records.jsonl"
    write_lines(path, RECORDS)
    return Filled(database, quiet, f"q-{uuid4().hex[:8]}", path)


def quiet(*arguments: object) -> tuple[int, str, str]:
    """A command's code, output and errors, where no fixture captures them."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        code = run([str(argument) for argument in arguments])
    return code, out.getvalue(), error.getvalue()


@pytest.fixture
def filled(fill: Callable[..., Filled]) -> Filled:
    return fill()
