"""A tenant's vectors in Qdrant: mirrored, kept apart from others', switched with the space, compared, searched."""

from collections.abc import Callable, Iterator

import numpy as np
import psycopg
import pytest

from precedent.database.session import Database
from precedent.qdrant import client
from precedent.qdrant.errors import StoreError
from precedent.qdrant.naming import alias
from precedent.vector_stores import mirror
from precedent.vector_stores.comparison import compare
from precedent.vector_stores.connection import owner_of
from precedent.vector_stores.store_spaces import StoreSpace
from precedent.vectors import repository as embeddings
from tests.integration.qdrant.qdrant_grpc import GrpcWire
from tests.integration.qdrant.qdrant_tenants import ISSUES, Filled
from tests.integration.qdrant.qdrant_wire import QdrantWire

pytest_plugins = ["tests.integration.qdrant.qdrant_tenants"]
CHECK = "vectors/qdrant_index:qdrant_matches_postgres"


@pytest.fixture
def wire() -> Iterator[QdrantWire]:
    with QdrantWire() as running:
        yield running


def test_the_asset_does_nothing_without_a_store_and_mirrors_with_one(filled: Filled, local: str) -> None:
    outcome = filled.refresh("vectors")
    assert outcome["layers"]["vectors/qdrant_index"] == {"qdrant/configured": False}
    assert outcome["checks"][CHECK]
    filled.use(local)
    outcome = filled.refresh("vectors")
    layer = outcome["layers"]["vectors/qdrant_index"]
    assert (layer["rows/added"], layer["rows/unchanged"], layer["rows/deleted"]) == (ISSUES, 0, 0)
    assert layer["qdrant/isolation"] == "shared"
    assert layer["qdrant/collection"].startswith("precedent-all_minilm_l6_v2-384-")
    assert (layer["qdrant/ready"], layer["qdrant/recall"]) == (True, 1.0)
    assert layer["rate/rows_per_s"] > 0
    assert outcome["checks"][CHECK]
    again = filled.refresh("vectors")["layers"]["vectors/qdrant_index"]
    assert (again["rows/added"], again["rows/changed"], again["rows/unchanged"]) == (0, 0, ISSUES)


def test_what_goes_or_changes_in_postgres_goes_or_changes_in_the_store(filled: Filled, local: str) -> None:
    filled.use(local)
    filled.mirror()
    lines = filled.path.read_text().splitlines()
    filled.path.write_text("\n".join(lines[5:]) + "\n")
    layer = filled.refresh("raw", "text", "vectors")["layers"]["vectors/qdrant_index"]
    assert (layer["rows/added"], layer["rows/deleted"], layer["rows/unchanged"]) == (0, 5, ISSUES - 5)
    assert filled.collection().count() == ISSUES - 5
    digest = next(iter(filled.vectors()))
    other = np.eye(1, 384, dtype=np.float32)
    with filled.database.bulk(filled.source.tenant_id) as connection:
        embeddings.save(connection, filled.source.tenant_id, filled.active.id, [digest], other)
    (found,) = filled.mirror()
    assert (found.work.added, found.work.changed, found.work.unchanged) == (0, 1, ISSUES - 6)
    assert filled.collection().vectors([digest])[digest] == pytest.approx(other[0])


def test_equal_vectors_of_two_tenants_are_two_points_that_never_meet(
    fill: Callable[..., Filled], wire: QdrantWire
) -> None:
    first, second = fill(), fill()
    for each in (first, second):
        each.use(wire.url)
        each.mirror()
    assert first.collection().name == second.collection().name
    assert wire.engine.count(first.collection().name).count == 2 * ISSUES
    vectors = first.vectors()
    assert vectors.keys() == second.vectors().keys()
    for each in (first, second):
        assert each.collection().count() == ISSUES
        seen = [digest for page in each.collection().scroll() for _, digest in page]
        assert sorted(seen) == sorted(vectors)
        hits = each.collection().search(next(iter(vectors.values())), 3 * ISSUES)
        assert len(hits) == len({digest for digest, _ in hits}) == ISSUES
    # Neither the other's ids nor the removal of everything reach across.
    first.collection().delete(second.collection().ids(list(vectors)))
    assert (first.collection().count(), second.collection().count()) == (ISSUES, ISSUES)
    first.collection().clear()
    assert (first.collection().count(), second.collection().count()) == (0, ISSUES)
    named = [call for call in wire.calls("/points") if "/points?" not in call.path]
    assert named
    assert all({"tenant", "space"} <= {item.get("key") for item in call.body["filter"]["must"]} for call in named)
    written = [payload for call in wire.calls("/points?") for payload in call.body["batch"]["payloads"]]
    assert all(set(payload) == {"tenant", "space", "hash"} for payload in written)


def test_a_server_that_ignores_the_filter_is_found_out(fill: Callable[..., Filled]) -> None:
    with QdrantWire(forgetful=True) as wire:
        first, second = fill(), fill()
        second.use(wire.url)
        # Its own points only: nothing is amiss yet.
        second.mirror()
        first.use(wire.url)
        vector = next(iter(second.vectors().values()))
        with pytest.raises(StoreError, match="point of another tenant"):
            first.mirror()
        with pytest.raises(StoreError, match="nothing of it was used"):
            first.collection().search(vector, ISSUES)
        assert first.ask(vector).hits is None


def test_search_asks_the_store_and_finds_what_an_exact_search_does(settled: Filled, local: str) -> None:
    vectors = settled.vectors()
    query = np.asarray(np.mean(list(vectors.values()), axis=0) + 0.02, dtype=np.float32)
    assert (settled.ask(query).hits, settled.ask(query).reason) == (None, None)
    settled.use(local)
    assert "does not have it yet" in (settled.ask(query).reason or "")
    settled.mirror()
    (hits,) = settled.ask(query, 8).hits or [[]]
    unit = query / np.linalg.norm(query)
    exact = sorted(((float(v @ unit / np.linalg.norm(v)), digest) for digest, v in vectors.items()), reverse=True)
    assert [digest for digest, _ in hits] == [digest for _, digest in exact[:8]]
    assert [score for _, score in hits] == pytest.approx([score for score, _ in exact[:8]], abs=1e-3)


def test_a_promotion_switches_the_alias_once_the_new_space_is_whole_and_finds_its_neighbours(
    filled: Filled, wire: QdrantWire
) -> None:
    filled.use(wire.url, "collection")
    (first,) = filled.mirror()
    name = alias(owner_of(filled.database, filled.source.tenant_id))
    assert first.switched
    other = filled.other_space()
    built = {item.space.id: item for item in filled.mirror()}[other.id]
    assert (built.work.added, built.ready, built.recall, built.switched) == (ISSUES, True, 1.0, False)
    assert [(a.alias_name, a.collection_name) for a in wire.engine.get_aliases().aliases] == [(name, first.collection)]
    filled.promote(other)
    before = len(wire.calls("/collections/aliases"))
    # The space was compared while it was built: search uses it at once.
    assert filled.ask(filled.vectors()[next(iter(filled.vectors()))], 3).hits
    switched = {item.space.id: item.switched for item in filled.mirror()}
    assert switched == {other.id: True, first.space.id: False}
    (call,) = wire.calls("/collections/aliases")[before:]
    assert [next(iter(step)) for step in call.body["actions"]] == ["delete_alias", "create_alias"]
    assert [(a.alias_name, a.collection_name) for a in wire.engine.get_aliases().aliases] == [(name, built.collection)]
    filled.retire(first.space)
    filled.mirror()
    assert [item.name for item in wire.engine.get_collections().collections] == [built.collection]


def test_a_space_that_does_not_find_its_neighbours_is_not_switched_to(filled: Filled, wire: QdrantWire) -> None:
    filled.use(wire.url, "collection")
    (first,) = filled.mirror()
    other = filled.other_space()
    collection = filled.collection(other)
    upsert = client.TenantCollection.upsert
    rng = np.random.default_rng(1)

    def scrambled(
        self: client.TenantCollection, hashes: list[bytes], vectors: np.ndarray, *, wait: bool = True
    ) -> None:
        upsert(self, hashes, rng.normal(size=vectors.shape).astype(np.float32), wait=wait)

    filled.promote(other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client.TenantCollection, "upsert", scrambled)
        built = {item.space.id: item for item in filled.mirror()}[other.id]
    assert collection.count() == ISSUES
    assert (built.ready, built.switched) == (False, False)
    assert "of the nearest neighbours" in (built.reason or "")
    assert [item.collection_name for item in wire.engine.get_aliases().aliases] == [first.collection]
    assert "of the nearest neighbours" in (filled.ask(np.ones(6, dtype=np.float32)).reason or "")
    healed = {item.space.id: item for item in filled.mirror(everything=True)}[other.id]
    assert (healed.work.changed, healed.ready, healed.switched) == (ISSUES, True, True)


def test_two_spaces_of_one_model_share_a_collection_and_not_their_points(settled: Filled, local: str) -> None:
    settled.use(local)
    settled.mirror()
    old, digest = settled.active, next(iter(settled.vectors()))
    collection = settled.collection()
    other = client.TenantCollection(
        collection._address, collection._owner, collection._raw, collection.name, old.id + 1_000
    )
    other.upsert([digest], np.ones((1, 384), dtype=np.float32))
    assert (collection.count(), other.count()) == (ISSUES, 1)
    assert len(collection.search(np.ones(384, dtype=np.float32), 2 * ISSUES)) == ISSUES


@pytest.mark.parametrize("fault", ["missing", "extra", "changed", "misplaced"])
def test_the_check_names_what_differs_and_the_next_run_heals_it(settled: Filled, local: str, fault: str) -> None:
    settled.use(local)
    settled.mirror()
    collection, vectors = settled.collection(), settled.vectors()
    digest = next(iter(vectors))
    if fault == "missing":
        collection.delete(collection.ids([digest]))
    elif fault == "extra":
        collection.upsert([b"\x01" * 32], np.ones((1, 384), dtype=np.float32))
    elif fault == "changed":
        collection.upsert([digest], -vectors[digest][None])
    else:
        from qdrant_client import models

        payload = {"tenant": collection._owner.key, "space": collection.space_id, "hash": digest.hex()}
        stranger = models.PointStruct(id=7, vector=vectors[digest].tolist(), payload=payload)
        collection._raw.upsert(collection.name, [stranger])
    words = {
        "missing": f"1 of {ISSUES} vectors are not in the store",
        "extra": "1 points have no vector in PostgreSQL",
        "changed": f"1 of {ISSUES} compared vectors differ (lowest cosine -1.0000)",
        "misplaced": "1 points have another id than their text",
    }
    assert differences(settled) == [words[fault]]
    (found,) = settled.mirror(everything=fault == "changed")
    assert (found.recounted, found.ready) == (fault != "changed", True)
    assert differences(settled) == []


def differences(filled: Filled) -> list[str]:
    this = StoreSpace(filled.store.id, filled.active.id, filled.source.tenant_id)
    with filled.database.bulk(filled.source.tenant_id) as connection:
        return compare(connection, filled.collection(), this, filled.source.id).differences


def test_search_waits_until_every_source_is_there(filled: Filled, local: str, tmp_path: object) -> None:
    filled.use(local)
    with filled.database.bulk(filled.source.tenant_id) as connection:
        embeddings.save(
            connection, filled.source.tenant_id, filled.active.id, [b"\x02" * 32], np.ones((1, 384), dtype=np.float32)
        )
    (found,) = filled.mirror()
    assert (found.ready, found.reason) == (
        False,
        "1 of the tenant's vectors are not there yet: refresh all its sources",
    )
    assert "refresh all its sources" in (filled.ask(np.ones(384, dtype=np.float32)).reason or "")


def test_what_a_store_holds_is_seen_by_its_tenant_only(
    settled: Filled, local: str, database: Database, owner_dsn: str
) -> None:
    settled.use(local)
    settled.mirror()
    with psycopg.connect(owner_dsn) as owner:
        held = owner.execute(
            "SELECT count(*) FROM vector_store_rows WHERE store_id = %s", (settled.store.id,)
        ).fetchone()
    assert held == (ISSUES,)
    with database.bulk(settled.source.tenant_id + 1_000_000) as connection:
        for table in ("vector_store_rows", "vector_store_spaces"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_writing_goes_in_batches_by_several_streams_and_waits_for_the_last(
    settled: Filled, wire: QdrantWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "BATCH", 4)
    monkeypatch.setattr(mirror, "GROUP", 12)
    settled.use(wire.url)
    settled.mirror()
    sizes = [(len(call.body["batch"]["ids"]), call.path.rsplit("wait=", 1)[-1]) for call in wire.calls("/points?")]
    assert sizes == [(4, "false"), (4, "false"), (4, "true")] * 2 + [(4, "false"), (2, "true")]


def test_everything_goes_by_grpc_where_the_row_says_so(settled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sesame-qdrant-0123456789"
    with QdrantWire(key) as wire, GrpcWire(wire) as fast:
        monkeypatch.setattr(client, "GRPC_PORT", fast.port)
        settled.use(wire.url, "collection", key, grpc=True)
        (found,) = settled.mirror()
        assert (found.work.added, found.ready, found.recall, found.switched) == (ISSUES, True, 1.0, True)
        assert len((settled.ask(np.ones(384, dtype=np.float32)).hits or [[]])[0]) == 5
        assert differences(settled) == []
        assert wire.seen == []
        settled.use(wire.url, "collection", "another-qdrant-0123456789", grpc=True)
        with pytest.raises(StoreError, match=r"refuses the key \(UNAUTHENTICATED: Invalid API key \[redacted\]\)"):
            settled.mirror()
    with pytest.raises(StoreError, match=r"cannot be reached \(UNAVAILABLE"):
        settled.mirror()
