"""Maintenance of the platform's tables removes what is old and nothing else, tenant by tenant."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import psycopg
import pytest

from orchestration.maintenance.contract import Place
from precedent.database.session import Database
from precedent.tenants import tenants as tenancy
from precedent.vectors import promotion
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from tests.integration.automation.aging import (
    Owner,
    bare_tombstones,
    counts,
    deletion_trigger,
    documents,
    run,
    tombstone,
)


@pytest.fixture
def owner(owner_dsn: str) -> Iterator[Owner]:
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(instance, database, tmp_path)


@pytest.fixture
def tenant_id(database: Database, tenant: str) -> int:
    return tenancy.get(database, tenant).id


def changed(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in before if after[name] != before[name]}


def test_items_deleted_long_ago_go_with_their_documents_words_and_passages(
    place: Place, database: Database, owner: Owner, tenant_id: int
) -> None:
    items = documents(database, owner, tenant_id)
    tombstone(owner, items[:2], days=91)
    tombstone(owner, items[2:3], days=89)
    before = counts(owner, tenant_id)
    assert run("tombstones", place).count == 2
    # Their vectors are kept aside, as after any deletion: what returns costs nothing.
    assert changed(before, counts(owner, tenant_id)) == {
        "raw_items": -2,
        "documents": -2,
        "document_words": -2,
        "chunks": -2,
        "embeddings": -2,
        "embedding_cache": 2,
    }


def test_an_item_that_somebody_has_in_hand_is_left_to_the_next_time(
    place: Place, database: Database, owner: Owner, tenant_id: int
) -> None:
    bare_tombstones(owner, database, tenant_id, 3)
    with owner.transaction():
        owner.execute("SELECT id FROM raw_items WHERE tenant_id = %s LIMIT 1 FOR UPDATE", (tenant_id,))
        assert run("tombstones", place).count == 2
    assert run("tombstones", place).count == 1


def test_vectors_whose_passages_did_not_return_go_and_younger_ones_stay(
    place: Place, database: Database, owner: Owner, tenant_id: int
) -> None:
    documents(database, owner, tenant_id)
    owner.execute(
        "INSERT INTO embedding_cache (space_id, content_hash, embedding, removed_at, tenant_id) "
        "SELECT s.id, decode(to_hex(n + 16), 'hex'), '[1,2,3]', now() - make_interval(days => n), %s "
        "FROM embedding_spaces s, unnest(ARRAY[10, 89, 91, 120]) n WHERE s.tenant_id = %s",
        (tenant_id, tenant_id),
    )
    before = counts(owner, tenant_id)
    assert run("embedding_cache", place).count == 2
    assert changed(before, counts(owner, tenant_id)) == {"embedding_cache": -2}


def test_pictures_of_old_reports_go_except_the_newest_of_a_source(
    place: Place, database: Database, owner: Owner, tenant_id: int
) -> None:
    documents(database, owner, tenant_id)
    owner.execute(
        "INSERT INTO quality_reports "
        "(space_id, manifest, score, passed, measures, gates, plot, created_at, source_id, tenant_id) "
        "SELECT s.id, n, 90, true, '{}', '[]', 'picture', now() - make_interval(days => n), i.id, s.tenant_id "
        "FROM embedding_spaces s JOIN integrations i ON i.tenant_id = s.tenant_id, unnest(ARRAY[31, 40, 50]) n "
        "WHERE s.tenant_id = %s",
        (tenant_id,),
    )
    before = counts(owner, tenant_id)
    report = run("pictures", place)
    assert (report.count, report.bytes) == (2, 14)
    left = owner.execute("SELECT manifest FROM quality_reports WHERE tenant_id = %s AND plot IS NOT NULL", (tenant_id,))
    assert left.fetchall() == [("31",)]
    assert counts(owner, tenant_id) == before


def test_what_is_left_of_a_retired_space_goes_and_every_other_space_stays(
    place: Place, database: Database, owner: Owner, tenant_id: int
) -> None:
    documents(database, owner, tenant_id)
    made = {}
    with database.bulk(tenant_id) as connection:
        for status in ("building", "previous", "retired"):
            profile = spaces.SpaceProfile("local", status, "1", 3, "float32", "none", "model/256")
            made[status] = spaces.ensure(connection, tenant_id, profile).id
            if status == "retired":
                promotion.retire(connection, tenant_id, made[status])
                connection.execute("SELECT create_space_partition(%s)", (made[status],))
            embeddings.save(connection, tenant_id, made[status], [b"x"], np.ones((1, 3), np.float32))
            connection.commit()
        connection.execute("UPDATE embedding_spaces SET status = 'previous' WHERE id = %s", (made["previous"],))
    assert run("spaces", place).count == 0
    owner.execute(
        "UPDATE embedding_spaces SET created_at = now() - interval '8 days' WHERE tenant_id = %s", (tenant_id,)
    )
    before = counts(owner, tenant_id)
    assert run("spaces", place).count == 1
    assert changed(before, counts(owner, tenant_id)) == {"embeddings": -1}
    assert owner.execute("SELECT to_regclass(%s)", (f"embeddings_{made['retired']}",)).fetchone() == (None,)
    assert run("spaces", place).count == 0


def test_a_dry_run_says_what_would_go_and_changes_nothing(
    place: Place, database: Database, owner: Owner, tenant_id: int
) -> None:
    items = documents(database, owner, tenant_id)
    tombstone(owner, items[:2], days=200)
    bare_tombstones(owner, database, tenant_id, 2_500)
    before = counts(owner, tenant_id)
    said = run("tombstones", place, dry_run=True)
    assert counts(owner, tenant_id) == before
    done = run("tombstones", place)
    assert (said.count, said.bytes) == (done.count, done.bytes) == (2_502, said.bytes)


def test_a_tenants_failure_is_counted_without_its_rows_and_stops_nobody_else(
    place: Place, database: Database, owner: Owner, tenant_id: int, tenant: str
) -> None:
    other = tenancy.add(database, f"z-{tenant}")[0]
    for number in (tenant_id, other.id):
        bare_tombstones(owner, database, number, 3)
    broken = f"IF OLD.tenant_id = {tenant_id} THEN RAISE EXCEPTION 'title: our secret'; END IF; RETURN OLD;"
    with deletion_trigger(owner, broken, each="ROW"):
        report = run("tombstones", place)
    assert report.errors == [f"tenant {tenant} failed (RaiseException)"]
    assert report.count == 3
    assert (counts(owner, tenant_id)["raw_items"], counts(owner, other.id)["raw_items"]) == (3, 0)
    assert run("tombstones", place).count == 3
