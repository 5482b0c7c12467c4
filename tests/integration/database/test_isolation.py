"""Two tenants with the same records never see each other's rows."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def tenants() -> tuple[str, str]:
    mark = uuid4().hex[:6]
    return f"alpha-{mark}", f"beta-{mark}"


@pytest.fixture
def both(precedent: Call, tenants: tuple[str, str], archive: Path) -> tuple[str, str]:
    for tenant in tenants:
        precedent("tenant", "add", tenant)
        precedent("source", "add", f"{tenant}/records", archive)
        assert precedent("refresh", f"{tenant}/records", "--json")[0] == 0
    return tenants


def test_every_command_shows_only_the_own_rows(precedent: Call, both: tuple[str, str]) -> None:
    first, second = both
    precedent("source", "remove", f"{second}/records")
    mine = json.loads(precedent("search", "connection pool", "--tenant", first, "--json")[1])
    assert len(mine) == 7
    code, out, error = precedent("search", "connection pool", "--tenant", second, "--json", "--mode", "text")
    assert (code, json.loads(out) if code == 0 else []) in [(0, []), (1, [])], error
    assert precedent("recommend", "inc1", "--tenant", second)[0] == 1
    assert precedent("similar", "harbor/platform#1", "--tenant", second)[0] == 1
    assert json.loads(precedent("source", "list", "--tenant", second, "--json")[1]) == []


def test_equal_records_give_each_tenant_its_own_rows(precedent: Call, both: tuple[str, str]) -> None:
    for tenant in both:
        (row,) = json.loads(precedent("source", "list", "--tenant", tenant, "--json")[1])
        assert row["embedded"] == 7
        results = json.loads(precedent("search", "expired certificate", "--tenant", tenant, "--json")[1])
        assert len(results) == len({result["external_id"] for result in results}) == 7


def tenant_tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    )
    return [row[0] for row in rows]


def test_sql_as_the_application_sees_one_tenant_or_nothing(
    database: Database, owner_dsn: str, both: tuple[str, str]
) -> None:
    with psycopg.connect(owner_dsn) as owner:
        ids = dict(owner.execute("SELECT name, id FROM tenants").fetchall())
        tables = tenant_tables(owner)
        filled = [t for t in tables if owner.execute(f"SELECT EXISTS (SELECT FROM {t})").fetchone() == (True,)]
    assert {"raw_items", "documents", "chunks", "embeddings", "integrations"} <= set(filled)
    dsn = database.endpoints.app.render_as_string(hide_password=False)
    with psycopg.connect(dsn) as app:
        for table in tables:
            # What is seen without a tenant belongs to none: it is the platform's.
            assert app.execute(f"SELECT count(tenant_id) FROM {table}").fetchone() == (0,), table
        app.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(ids[both[0]]),))
        for table in filled:
            owners = app.execute(f"SELECT DISTINCT tenant_id FROM {table}").fetchall()
            assert owners in ([(ids[both[0]],)], []), table


def test_the_application_cannot_write_another_tenants_row(
    database: Database, owner_dsn: str, both: tuple[str, str]
) -> None:
    with psycopg.connect(owner_dsn) as owner:
        ids = dict(owner.execute("SELECT name, id FROM tenants").fetchall())
    dsn = database.endpoints.app.render_as_string(hide_password=False)
    with psycopg.connect(dsn) as app:
        app.execute("SELECT set_config('precedent.tenant_id', %s, false)", (str(ids[both[0]]),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(
                "INSERT INTO integrations (tenant_id, type, name, provider) VALUES (%s, 'data_source', 'x', 'git')",
                (ids[both[1]],),
            )


def test_the_application_reaches_no_partition_around_the_policy(
    database: Database, owner_dsn: str, both: tuple[str, str]
) -> None:
    with psycopg.connect(owner_dsn) as owner:
        partitions = owner.execute(
            "SELECT relname FROM pg_class WHERE relispartition AND relname LIKE 'embeddings_%' AND relkind = 'r'"
        ).fetchall()
    assert partitions
    dsn = database.endpoints.app.render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as app:
        for (partition,) in partitions:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(f"SELECT count(*) FROM {partition}")


def test_the_application_cannot_lift_row_level_security(database: Database) -> None:
    dsn = database.endpoints.app.render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as app:
        for statement in (
            "ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
            "SET ROLE postgres",
            "CREATE POLICY everything ON documents USING (true)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
