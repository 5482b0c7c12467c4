"""Recall of a real index against exact search of the same space."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pytest

from precedent.database.session import Database
from precedent.quality.measures import recall as recalling
from precedent.search import dense, retrieval
from precedent.search.filters import Filters
from precedent.tenants import tenants as tenancy
from precedent.vectors import index as vector_index
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from precedent.vectors.space import Space, SpaceProfile

ROWS, DIMENSIONS, QUERIES = 12_000, 24, 40
DOCUMENTS = (
    "INSERT INTO integrations (tenant_id, type, name, provider) VALUES (%(tenant)s, 'data_source', 'r', 'archive')",
    "INSERT INTO raw_items (kind, shape, external_id, payload, payload_hash, source_id, tenant_id) "
    "SELECT 'issue', 'x', n::text, '{}', sha256(n::text::bytea), i.id, i.tenant_id "
    "FROM integrations i, generate_series(0, %(rows)s - 1) n",
    "INSERT INTO documents (raw_item_id, kind, external_id, title, text, created_at, input_hash, content_hash, "
    "source_id, tenant_id) SELECT id, kind, external_id, 't', 'x', "
    "timestamptz '2020-01-01Z' + external_id::integer * interval '1 minute', payload_hash, payload_hash, source_id, "
    "tenant_id FROM raw_items",
    "INSERT INTO chunks (document_id, ordinal, text, tokens, content_hash, source_id, tenant_id, cut) "
    "SELECT id, 0, 'x', 1, content_hash, source_id, tenant_id, '' FROM documents",
)
DRAWS = np.random.default_rng(2)


@pytest.fixture(scope="module")
def indexed(database: Database, owner_dsn: str) -> tuple[int, Space]:
    """A tenant's space that is large enough for its index."""
    tenant_id = tenancy.add(database, f"recall-{uuid4().hex[:8]}")[0].id
    vectors = DRAWS.normal(size=(ROWS, DIMENSIONS)).astype(np.float32)
    hashes = [hashlib.sha256(str(row).encode()).digest() for row in range(ROWS)]
    with database.bulk(tenant_id) as connection:
        space = spaces.ensure(connection, tenant_id, SpaceProfile("test", "m", "1", DIMENSIONS, "float32", "none"))
        embeddings.save(connection, tenant_id, space.id, hashes, vectors)
        connection.commit()
        vector_index.after_writing(connection, space.id)
        assert vector_index.state(connection, space.id).exists
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        # The planner weighs the index by statistics, which the server would gather a minute later by itself.
        owner.execute(f"ANALYZE embeddings_{space.id}")
    return tenant_id, space


def measured(database: Database, tenant_id: int, space: Space) -> recalling.Recall:
    queries = DRAWS.normal(size=(QUERIES, DIMENSIONS)).astype(np.float32)
    with database.bulk(tenant_id) as connection:
        assert recalling.uses_index(connection, space, queries[0], 10)
        near = [recalling.distances(connection, space, query, 10, exact=False) for query in queries]
        true = [recalling.distances(connection, space, query, 10, exact=True) for query in queries]
        return recalling.recall(near, true, vector_index.state(connection, space.id).rows)


def test_exact_search_looks_at_every_vector(database: Database, indexed: tuple[int, Space]) -> None:
    tenant_id, space = indexed
    query = DRAWS.normal(size=DIMENSIONS).astype(np.float32)
    with database.bulk(tenant_id) as connection:
        found = recalling.distances(connection, space, query, 10, exact=True)
        rows = connection.execute("SELECT embedding::vector::real[] FROM embeddings WHERE space_id = %s", (space.id,))
        stored = np.array([row[0] for row in rows], np.float64)
    cosines = stored @ query / np.linalg.norm(stored, axis=1) / np.linalg.norm(query)
    assert found == pytest.approx(np.sort(1 - cosines)[:10], abs=1e-3)


def test_the_platforms_index_passes(database: Database, indexed: tuple[int, Space]) -> None:
    found = measured(database, *indexed)
    assert found.recall > 0.98
    assert (found.rows, found.band, found.queries) == (ROWS, "10,000 to 100,000", QUERIES)


@pytest.fixture(scope="module")
def documented(database: Database, indexed: tuple[int, Space]) -> tuple[int, Space]:
    """A document of one passage for each vector, one a minute."""
    tenant_id, _ = indexed
    with database.bulk(tenant_id) as connection:
        for statement in DOCUMENTS:
            connection.execute(statement, {"tenant": tenant_id, "rows": ROWS})
    return indexed


@pytest.mark.parametrize("passing", [300, 700, 11_000])
def test_a_filter_takes_nothing_from_what_is_found(
    database: Database, documented: tuple[int, Space], passing: int
) -> None:
    tenant_id, space = documented
    filters = Filters(before=datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=passing))
    condition, values = filters.sql()
    shares = []
    with database.bulk(tenant_id) as connection:
        for query in DRAWS.normal(size=(5, DIMENSIONS)).astype(np.float32):
            found = dense.by_vector(connection, space.id, query[None], filters, 100)
            asked = values | {"vector": vector_index.literal(query), "space": space.id, "pool": 100}
            exact = connection.execute(dense.EXACT.format(filters=condition, said=filters.said), asked).fetchall()
            shares.append(len(found.keys() & {item for item, _ in exact}) / 100)
    assert np.mean(shares) > (0.9 if passing > vector_index.EXACT_BELOW else 0.999)


def test_recall_is_measured_with_what_search_asks_for(database: Database, indexed: tuple[int, Space]) -> None:
    tenant_id, space = indexed
    query = np.ones((1, DIMENSIONS), np.float32)

    def looked_at(connection: "psycopg.Connection[Any]") -> str:
        return str(connection.execute("SELECT current_setting('hnsw.ef_search')").fetchone()[0])  # type: ignore[index]

    with database.bulk(tenant_id) as connection:
        retrieval.search(connection, space_id=space.id, text="", vectors=query, mode=retrieval.Mode.VECTOR)
        searched = looked_at(connection)
    with database.bulk(tenant_id) as connection:
        recalling.distances(connection, space, query[0], 10, exact=False)
        assert looked_at(connection) == searched


def test_an_index_that_misses_neighbours_is_noticed(
    database: Database, owner_dsn: str, indexed: tuple[int, Space]
) -> None:
    tenant_id, space = indexed
    name, table = f"ix_embeddings_{space.id}_hnsw", f"embeddings_{space.id}"
    good = f"CREATE INDEX {name} ON {table} USING hnsw ((embedding::halfvec({DIMENSIONS})) halfvec_cosine_ops)"
    with psycopg.connect(owner_dsn, autocommit=True) as owner:
        owner.execute(f"DROP INDEX {name}")
        owner.execute(f"{good} WITH (m = 2, ef_construction = 4)")
        try:
            found = measured(database, tenant_id, space)
        finally:
            owner.execute(f"DROP INDEX {name}")
            owner.execute(good)
    assert found.recall < 0.95
    assert found.worst < found.recall


def test_without_an_index_there_is_nothing_to_compare(database: Database, indexed: tuple[int, Space]) -> None:
    tenant_id, space = indexed
    query = np.ones(DIMENSIONS, np.float32)
    with database.bulk(tenant_id) as connection:
        connection.execute("SELECT drop_space_index(%s)", (space.id,))
        assert not recalling.uses_index(connection, space, query, 10)
        connection.rollback()
