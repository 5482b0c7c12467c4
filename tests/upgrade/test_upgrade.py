"""A database of revision 0004 becomes exactly what a new one is, with every row, or stays as it was."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, create_engine

from precedent.database import upgrade
from precedent.database.endpoints import APP_DRIVER, Endpoints, app_role
from precedent.database.session import Database
from precedent.database.setup import set_up
from precedent.database.version import expected_version, version_of
from precedent.errors import DatabaseError
from tests.upgrade.databases import (
    CATALOGUE,
    catalogue,
    contents,
    dsn,
    empty_database,
    make_revision_0004,
    plain_owner,
)

ROWS = Path(__file__).with_name("rows.sql").read_bytes()
NOT_OF_A_TENANT = {"tenants", "installation"}
NEWEST = expected_version().partition("-")[0]


@pytest.fixture
def old(database: Database) -> Iterator[Endpoints]:
    """A database of revision 0004 with rows of two tenants in every table."""
    with empty_database(database.endpoints) as endpoints:
        make_revision_0004(endpoints.owner)
        with psycopg.connect(dsn(endpoints.owner)) as connection:
            connection.execute(ROWS)
        yield endpoints


@pytest.fixture
def fresh(database: Database) -> Iterator[Endpoints]:
    """An empty database."""
    with empty_database(database.endpoints) as endpoints:
        yield endpoints


def version(endpoints: Endpoints) -> str | None:
    engine = create_engine(endpoints.app.set(drivername=APP_DRIVER))
    with engine.connect() as connection:
        found = version_of(connection)
    engine.dispose()
    return found


def test_an_upgraded_database_is_what_a_new_one_is(fresh: Endpoints, database: Database) -> None:
    set_up(fresh)
    with empty_database(database.endpoints) as old:
        make_revision_0004(old.owner)
        assert catalogue(old.owner) != catalogue(fresh.owner)
        set_up(old)
        assert catalogue(old.owner) ^ catalogue(fresh.owner) == set()
    assert version(fresh) == expected_version()


def test_every_row_of_every_table_is_kept(old: Endpoints) -> None:
    before = contents(old.owner)
    assert [name for name, (count, _) in before.items() if count < (1 if name == "installation" else 2)] == []
    set_up(old)
    after = contents(old.owner)
    assert {name: after.pop(name) for name in before} == before
    assert {count for count, _ in after.values()} <= {0}, "what is new is empty"


def test_row_level_security_holds_after_the_upgrade(old: Endpoints) -> None:
    owned = [name for name in contents(old.owner) if name not in NOT_OF_A_TENANT]
    set_up(old)
    with psycopg.connect(dsn(old.app)) as app:
        assert len(owned) > 20
        for name in owned:
            assert app.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,), name
        app.execute("SELECT set_config('precedent.tenant_id', '2', false)")
        for name in owned:
            assert app.execute(f"SELECT DISTINCT tenant_id FROM {name}").fetchall() == [(2,)], name


def test_an_upgraded_database_goes_on_counting(old: Endpoints) -> None:
    set_up(old)
    with psycopg.connect(dsn(old.app)) as app:
        app.execute("SELECT set_config('precedent.tenant_id', '1', false)")
        app.execute("DELETE FROM documents WHERE external_id = 'item-1'")
        app.execute("UPDATE usage_records SET cost_usd = 2")
        assert app.execute("SELECT documents FROM corpus_counts").fetchone() == (7,)
        assert app.execute("SELECT spent_usd FROM budget_months").fetchone() == (6,)
        space = (app.execute("SELECT id FROM embedding_spaces").fetchone() or (0,))[0]
        app.execute("SELECT drop_space_index(%s), create_space_index(%s, 64)", (space, space))
        app.execute("INSERT INTO tenants (name) VALUES ('three')")


def test_an_upgrade_may_be_repeated(old: Endpoints) -> None:
    set_up(old)
    said, rows = catalogue(old.owner), contents(old.owner)
    set_up(old)
    assert (catalogue(old.owner), contents(old.owner)) == (said, rows)


def test_changed_functions_are_replaced_in_a_database_of_this_revision(fresh: Endpoints) -> None:
    set_up(fresh)
    said = catalogue(fresh.owner)
    with psycopg.connect(dsn(fresh.owner)) as owner:
        owner.execute("CREATE OR REPLACE FUNCTION current_tenant() RETURNS integer LANGUAGE sql AS 'SELECT 7'")
        owner.execute("COMMENT ON TABLE alembic_version IS '0005-other'")
    set_up(fresh)
    assert catalogue(fresh.owner) == said


def test_two_processes_may_upgrade_at_once(old: Endpoints) -> None:
    before = contents(old.owner)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(set_up, [old] * 3))
    assert version(old) == expected_version()
    assert {name: rows for name, rows in contents(old.owner).items() if name in before} == before


def test_a_kill_in_the_middle_leaves_everything_as_it_was(old: Endpoints) -> None:
    said, rows = catalogue(old.owner), contents(old.owner)
    program = (
        "import sys; from sqlalchemy import make_url; from precedent.database.endpoints import Endpoints;"
        "from precedent.database.setup import set_up; urls = [make_url(u) for u in sys.argv[1:]];"
        "set_up(Endpoints(*urls, embedded=None))"
    )
    with psycopg.connect(dsn(old.owner)) as blocking:
        blocking.execute("LOCK TABLE usage_records")  # its trigger is replaced late in the upgrade
        arguments = [sys.executable, "-c", program, *map(text_of, (old.owner, old.app, old.dagster))]
        with subprocess.Popen(arguments) as process:
            wait_until_blocked(old.owner)
            process.kill()
    assert (catalogue(old.owner), contents(old.owner)) == (said, rows)
    set_up(old)
    assert {name: kept for name, kept in contents(old.owner).items() if name in rows} == rows
    assert version(old) == expected_version()


def text_of(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def wait_until_blocked(owner: URL) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'usage_records'::regclass"
    with psycopg.connect(dsn(owner), autocommit=True) as connection:
        for _ in range(300):
            if connection.execute(waiting).fetchone() == (1,):
                return
            connection.execute("SELECT pg_sleep(0.1)")
    pytest.fail("the upgrade did not come to its last files")


def test_tables_in_use_stop_the_upgrade_with_a_sentence(old: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "LOCK_TIMEOUT", "200ms")
    with psycopg.connect(dsn(old.owner)) as blocking:
        blocking.execute("LOCK TABLE usage_records")
        with pytest.raises(DatabaseError, match="another process uses its tables: stop it"):
            set_up(old)
    set_up(old)


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        ("0002", "has schema 0002, and this release upgrades from 0004 on: start the release that made 0004"),
        ("0042", rf"has schema 0042, which is newer than this release \({NEWEST}\): start the release that made it"),
    ],
)
def test_a_schema_of_another_release_is_not_touched(old: Endpoints, revision: str, sentence: str) -> None:
    with psycopg.connect(dsn(old.owner)) as owner:
        owner.execute("UPDATE alembic_version SET version_num = %s", (revision,))
    said, rows = catalogue(old.owner), contents(old.owner)
    with pytest.raises(DatabaseError, match=sentence):
        set_up(old)
    assert (catalogue(old.owner), contents(old.owner)) == (said, rows)


def test_an_owner_without_powers_upgrades_too(fresh: Endpoints) -> None:
    with plain_owner(fresh) as owner:
        make_revision_0004(owner)
        engine = create_engine(owner.set(drivername=APP_DRIVER))
        with engine.begin() as connection:
            upgrade.upgrade(connection)
        engine.dispose()
        assert version(fresh) == expected_version()


def test_a_database_with_a_role_of_its_own_takes_over_the_rights_of_the_shared_one(old: Endpoints) -> None:
    shared, own = old.app.username, app_role(old.owner.database)
    changed = replace(old, app=old.app.set(username=own))
    before = rights(old, shared)
    set_up(changed)
    try:
        assert rights(old, shared) == set()
        assert len(rights(old, own)) > 0.8 * len(before)
        with psycopg.connect(dsn(changed.app)) as app:
            assert app.execute("SELECT count(*) FROM tenants").fetchone() == (2,)
        with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
            psycopg.connect(dsn(changed.app.set(database="precedent")))
    finally:
        with psycopg.connect(dsn(old.owner)) as owner:
            owner.execute(f"DROP OWNED BY {own}")
            owner.execute(f"DROP ROLE {own}")


def rights(endpoints: Endpoints, role: str | None) -> set[tuple[str, ...]]:
    with psycopg.connect(dsn(endpoints.owner)) as owner:
        found = owner.execute(CATALOGUE["right"]).fetchall()
    return {tuple(map(str, row)) for row in found if row[2] == role}
