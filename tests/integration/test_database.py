import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from precedent.database.embedded import EmbeddedServer
from precedent.database.models import Base
from precedent.database.session import Database
from precedent.errors import DatabaseError, UsageError
from precedent.settings import Settings
from precedent.vectors import repository as embeddings
from precedent.vectors import space as spaces
from precedent.vectors.space import SpaceProfile


def test_the_models_are_what_the_migrations_create(database: Database) -> None:
    engine = create_engine(database.endpoints.owner.set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": lambda _o, name, kind, *_: not (kind == "table" and "embeddings_" in name)},
        )
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


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
