import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from precedent.database import inspection
from precedent.database.embedded import EmbeddedServer
from precedent.database.session import Database
from precedent.database.version import MIGRATIONS, expected_version
from precedent.errors import DatabaseError, UsageError
from precedent.settings import Settings
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from precedent.vectors.space import SpaceProfile


def test_every_foreign_key_has_an_index(owner_dsn: str) -> None:
    with psycopg.connect(owner_dsn) as connection:
        missing = connection.execute(
            """
            SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
            JOIN pg_class t ON t.oid = c.conrelid AND NOT t.relispartition
            WHERE c.contype = 'f' AND a.attname <> 'tenant_id' AND NOT EXISTS (
              SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
            """
        ).fetchall()
    assert missing == []


def test_a_function_of_the_owner_looks_for_names_in_temporary_tables_last(owner_dsn: str) -> None:
    """Otherwise a caller's temporary table would stand for ours in what the function does as the owner."""
    with psycopg.connect(owner_dsn) as connection:
        found = connection.execute(
            "SELECT p.proname, p.proconfig FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
        ).fetchall()
    assert len(found) > 5
    assert [name for name, said in found if "search_path=pg_catalog, public, pg_temp" not in (said or [])] == []


def test_only_the_application_may_call_a_function_of_the_owner(owner_dsn: str) -> None:
    with psycopg.connect(owner_dsn) as connection:
        public = connection.execute(
            "SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a "
            "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace AND a.grantee = 0"
        ).fetchall()
    assert public == []


def test_a_roll_back_keeps_the_tenant(database: Database) -> None:
    from precedent.tenants import tenants as tenancy

    tenant = tenancy.add(database, "rolls-back")[0]
    with database.bulk(tenant.id) as connection:
        connection.rollback()
        assert connection.execute("SELECT current_setting('precedent.tenant_id')").fetchone() == (str(tenant.id),)
    with database.session() as session:
        left = session.connection().exec_driver_sql("SELECT current_setting('precedent.tenant_id', true)").scalar()
        assert not left


def test_a_temporary_table_of_the_same_name_opens_no_other_tenants_space(database: Database, owner_dsn: str) -> None:
    from precedent.tenants import tenants as tenancy

    owner, thief = (tenancy.add(database, name)[0] for name in ("robbed", "thief"))
    with database.bulk(owner.id) as connection:
        space = spaces.ensure(connection, owner.id, SpaceProfile("test", "theirs", "1", 4, "float32", "none"))
        embeddings.save(connection, owner.id, space.id, [b"x"], np.ones((1, 4), np.float32))
    with database.bulk(thief.id) as connection:
        connection.execute(
            "CREATE TEMP TABLE embedding_spaces AS SELECT %s::bigint AS id, %s AS tenant_id, 4 AS dimensions, "
            "'retired' AS status",
            (space.id, thief.id),
        )
        with pytest.raises(psycopg.errors.RaiseException), connection.transaction():
            connection.execute("SELECT drop_space_vectors(%s)", (space.id,))
        connection.rollback()
    with psycopg.connect(owner_dsn) as connection:
        assert connection.execute(f"SELECT count(*) FROM embeddings_{space.id}").fetchone() == (1,)


@pytest.mark.parametrize("vector", [np.zeros(4), np.full(4, np.nan), np.full(4, np.inf), np.ones(3)])
def test_the_database_itself_refuses_a_bad_vector(database: Database, vector: np.ndarray) -> None:
    from precedent.tenants import tenants as tenancy

    tenant = tenancy.add(database, "bad-vectors")[0]
    profile = SpaceProfile("test", "four", "1", 4, "float32", "none")
    with database.bulk(tenant.id) as connection:
        space = spaces.ensure(connection, tenant.id, profile)
    with pytest.raises(psycopg.Error), database.bulk(tenant.id) as connection:
        embeddings.save(connection, tenant.id, space.id, [b"x"], vector[None].astype(np.float32))


def test_a_space_of_another_tenant_gets_no_partition(database: Database) -> None:
    from precedent.tenants import tenants as tenancy

    owner, other = (tenancy.add(database, name)[0] for name in ("space-owner", "space-other"))
    with database.bulk(owner.id) as connection:
        space = spaces.ensure(connection, owner.id, SpaceProfile("test", "own", "1", 4, "float32", "none"))
    with pytest.raises(psycopg.errors.RaiseException), database.bulk(other.id) as connection:
        connection.execute("SELECT create_space_partition(%s)", (space.id,))


def test_the_server_survives_its_own_kill(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "home")
    server.acquire()
    url = server.url("postgres").render_as_string()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    try:
        again = EmbeddedServer(tmp_path / "home")
        again.acquire()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        again.release()
    finally:
        server.release()
        server.stop()


def test_a_killed_holder_does_not_keep_the_server(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from precedent.database.embedded import EmbeddedServer;"
        "EmbeddedServer(Path(sys.argv[1])).acquire(); print('up', flush=True); time.sleep(60)"
    )
    home = tmp_path / "home"
    with subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"up\n"
        holder.kill()
    server = EmbeddedServer(home)
    server.acquire()
    assert server.holders() == [os.getpid()]
    server.release()
    assert not (server.data / "postmaster.pid").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise a priority again")
def test_the_server_does_not_keep_the_niceness_of_the_command_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, os; from pathlib import Path; from precedent.database.embedded import EmbeddedServer;"
        "os.nice(7); EmbeddedServer(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), 9)"
    )
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-c", program, str(home)], check=False)
    server = EmbeddedServer(home)
    server.acquire()
    try:
        postmaster = psutil.Process(int((server.data / "postmaster.pid").read_text().splitlines()[0]))
        assert {process.nice() for process in (postmaster, *postmaster.children())} == {0}
    finally:
        server.stop()


def test_a_schema_that_is_up_to_date_costs_no_alembic(database: Database) -> None:
    program = (
        "import sys; from precedent.database.session import Database; Database.open().close();"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_the_newest_revision_is_the_one_that_is_expected() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert expected_version().split("-")[0] == ScriptDirectory.from_config(config).get_current_head()


def test_an_unreachable_database_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_DATABASE_URL", "postgresql://owner:hidden@127.0.0.1:1/precedent")
    with pytest.raises(DatabaseError) as caught:
        Database.open(Settings.from_environment())
    assert "could not be set up" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", ["not a url", "mysql://a/b", "postgresql://host"])
def test_a_wrong_database_url_says_what_to_write(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PRECEDENT_DATABASE_URL", url)
    with pytest.raises(UsageError, match="PRECEDENT_DATABASE_URL"):
        Database.open(Settings.from_environment())


def test_vectors_go_with_their_space(database: Database, owner_dsn: str) -> None:
    from precedent.tenants import tenants as tenancy

    tenant = tenancy.add(database, "goes-with-its-space")[0]
    with database.bulk(tenant.id) as connection:
        space = spaces.ensure(connection, tenant.id, SpaceProfile("test", "gone", "1", 4, "float32", "none"))
        embeddings.save(connection, tenant.id, space.id, [b"x"], np.ones((1, 4), np.float32))
        connection.commit()
        connection.execute("DELETE FROM embedding_spaces WHERE id = %s", (space.id,))
    with psycopg.connect(owner_dsn) as connection:
        assert connection.execute("SELECT to_regclass(%s)", (f"embeddings_{space.id}",)).fetchone() == (None,)


def test_the_same_vector_may_be_written_by_two_runs(database: Database) -> None:
    from precedent.tenants import tenants as tenancy

    tenant = tenancy.add(database, "written-twice")[0]
    with database.bulk(tenant.id) as connection:
        space = spaces.ensure(connection, tenant.id, SpaceProfile("test", "twice", "1", 4, "float32", "none"))
        for value in (1.0, 2.0):
            embeddings.save(connection, tenant.id, space.id, [b"x", b"y"], np.full((2, 4), value, np.float32))
            connection.commit()
        row = connection.execute("SELECT count(*), max(l2_norm(embedding)) FROM embeddings").fetchone()
    assert row == (2, 4.0)


def test_an_interrupt_in_the_middle_of_a_statement_stops_it_at_the_server(database: Database, owner_dsn: str) -> None:
    from precedent.tenants import tenants as tenancy

    tenant = tenancy.add(database, "interrupted")[0]

    def interrupt() -> None:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), database.bulk(tenant.id) as connection:
        connection.execute("SELECT pg_sleep(60)")
    assert time.monotonic() - began < 10
    with database.bulk(tenant.id) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with psycopg.connect(owner_dsn) as connection:
        running = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' "
            "AND pid <> pg_backend_pid()"
        ).fetchone()
    assert running == (0,)


def test_the_schema_is_named_by_its_revision(database: Database) -> None:
    assert inspection.versions(database).schema == expected_version()
