"""Against a Qdrant server of your own, named by `PRECEDENT_TEST_QDRANT_URL`; `docs/qdrant.md` says how.

`PRECEDENT_TEST_QDRANT_KEY` where it wants a key, `PRECEDENT_TEST_QDRANT_GRPC=1` to send points by gRPC. Whatever these
tests make there they remove again.
"""

import os
import threading
from collections.abc import Callable, Iterator
from uuid import uuid4

import numpy as np
import pytest

from precedent.qdrant.client import Address, Server
from precedent.qdrant.naming import Owner
from precedent.qdrant.requests import Isolation
from precedent.vectors.space import Space, SpaceProfile
from tests.integration.qdrant.qdrant_tenants import ISSUES, Filled

pytest_plugins = ["tests.integration.qdrant.qdrant_tenants"]
# Read when tests are collected: later the fixtures take these variables away.
URL = os.environ.get("PRECEDENT_TEST_QDRANT_URL", "")
KEY = os.environ.get("PRECEDENT_TEST_QDRANT_KEY") or None
GRPC = os.environ.get("PRECEDENT_TEST_QDRANT_GRPC") == "1"
pytestmark = pytest.mark.skipif(not URL, reason="set PRECEDENT_TEST_QDRANT_URL to a Qdrant server to run these")
DIMENSIONS, ROWS = 64, 3_000


@pytest.fixture
def space() -> Space:
    """A profile nobody else has, so that its shared collection is the test's own."""
    return Space(5, "active", SpaceProfile("test", f"server-{uuid4().hex}", "1", DIMENSIONS, "float32", "none"), {})


@pytest.fixture
def open_server() -> Iterator[Callable[[], Server]]:
    opened: list[Server] = []

    def call() -> Server:
        server = Server.open(Address("test", URL, KEY, GRPC), Owner(uuid4(), len(opened) + 1))
        opened.append(server)
        return server

    yield call
    for server in opened:
        server.close()


def vectors(seed: int, rows: int = ROWS) -> tuple[list[bytes], np.ndarray]:
    found = np.random.default_rng(seed).normal(size=(rows, DIMENSIONS)).astype(np.float32)
    return [index.to_bytes(32, "big") for index in range(rows)], found


def fill(server: Server, space: Space, isolation: Isolation, seed: int, rows: int = ROWS) -> None:
    collection = server.prepare(space, isolation)
    hashes, made = vectors(seed, rows)
    for start in range(0, rows, 200):
        collection.upsert(hashes[start : start + 200], made[start : start + 200], wait=start + 200 >= rows)


def test_the_server_answers_and_is_new_enough(open_server: Callable[[], Server]) -> None:
    version = open_server().version()
    assert tuple(int(part) for part in version.split(".")[:2]) >= (1, 11)


@pytest.mark.parametrize("isolation", [*Isolation])
def test_two_tenants_are_apart_and_each_finds_its_own_neighbours(
    open_server: Callable[[], Server], space: Space, isolation: Isolation
) -> None:
    servers = [open_server(), open_server()]
    try:
        # The second one has a twentieth of the points: where graphs are not a tenant's own, it loses most of them.
        sizes = (ROWS, ROWS // 20)
        for server, rows in zip(servers, sizes, strict=True):
            fill(server, space, isolation, seed=1, rows=rows)
        for server, rows in zip(servers, sizes, strict=True):
            collection = server.part(server.name_of(space, isolation), space.id)
            assert collection.count() == rows
            assert sorted(digest for page in collection.scroll() for _, digest in page) == vectors(1, rows)[0]
            hashes, made = vectors(1, rows)
            unit = made / np.linalg.norm(made, axis=1, keepdims=True)
            found = 0
            for query in unit[:50]:
                exact = {hashes[place] for place in np.argsort(-(unit @ query))[:10]}
                found += len(exact & {digest for digest, _ in collection.search(query, 10)})
            assert found / 500 >= 0.95
        first, second = (server.part(server.name_of(space, isolation), space.id) for server in servers)
        second.delete(first.ids(vectors(1)[0]))
        assert (first.count(), second.count()) == sizes
        stored = first.vectors(vectors(1)[0][:5])
        for digest, original in zip(*vectors(1, 5), strict=True):
            assert stored[digest] @ original / np.linalg.norm(original) >= 0.999
        first.clear()
        assert (first.count(), second.count()) == (0, sizes[1])
    finally:
        remove_collections(servers, space, isolation)


def test_two_that_make_one_collection_at_once_both_get_it(open_server: Callable[[], Server], space: Space) -> None:
    servers = [open_server() for _ in range(4)]
    try:
        threads = [threading.Thread(target=server.prepare, args=(space, Isolation.SHARED)) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [server.prepare(space, Isolation.SHARED).count() for server in servers] == [0] * 4
    finally:
        remove_collections(servers, space, Isolation.SHARED)


@pytest.mark.parametrize("isolation", [*Isolation])
def test_a_tenants_vectors_are_mirrored_promoted_and_removed(filled: Filled, isolation: Isolation) -> None:
    from precedent.vector_stores.connection import open_server
    from precedent.vector_stores.mirror import empty

    filled.use(URL, isolation, key=KEY, name="server")
    (first,) = filled.mirror()
    try:
        assert (first.work.added, first.ready, first.switched) == (ISSUES, True, isolation is Isolation.COLLECTION)
        assert first.recall is not None
        other = filled.other_space()
        filled.mirror()
        filled.promote(other)
        switched = {item.space.id: item.switched for item in filled.mirror()}
        assert switched[other.id] == (isolation is Isolation.COLLECTION)
        (hits,) = filled.ask(next(iter(filled.vectors().values())), 5).hits or [[]]
        assert len(hits) == 5
    finally:
        empty(filled.database, filled.settings, filled.store)
        if isolation is Isolation.SHARED:  # of a model that only this test has
            server = open_server(filled.database, filled.settings, filled.store)
            server.remove(server.name_of(other, isolation), other.id, Isolation.COLLECTION)
            server.close()


def remove_collections(servers: list[Server], space: Space, isolation: Isolation) -> None:
    for server in servers:
        # Shared or not: nobody else has this profile.
        server.remove(server.name_of(space, isolation), space.id, Isolation.COLLECTION)
