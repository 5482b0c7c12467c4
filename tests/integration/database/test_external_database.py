"""`PRECEDENT_DATABASE_URL`: a server over TCP with passwords, its owner no superuser."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from precedent.database.embedded import EmbeddedServer, programs
from precedent.database.endpoints import open_endpoints
from precedent.settings import Settings
from tests.upgrade.databases import dsn

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    server = EmbeddedServer(tmp_path / "server")
    server.acquire()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with psycopg.connect(server.url("postgres").render_as_string(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET listen_addresses = '127.0.0.1'")
        connection.execute(f"ALTER SYSTEM SET port = {port}")
        connection.execute("CREATE ROLE owner LOGIN CREATEROLE CREATEDB PASSWORD 'p@ss:word/1'")
        connection.execute("CREATE DATABASE platform OWNER owner")
    for database in ("platform", "template1"):
        with psycopg.connect(server.url(database).render_as_string(), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
    hba = server.data / "pg_hba.conf"
    hba.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    server.stop()
    again = EmbeddedServer(tmp_path / "server")
    programs.run("pg_ctl", "-w", "-D", str(again.data), "-l", str(again.log), "-o", f"-k {again.data}", "start")
    yield f"postgresql://owner:p%40ss%3Aword%2F1@127.0.0.1:{port}/platform"
    again.stop()


def test_everything_works_on_a_server_of_ones_own(
    precedent: Call, url: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECEDENT_DATABASE_URL", url)
    code, out, error = precedent("source", "add", "records", archive)
    assert code == 0, error
    code, out, error = precedent("refresh", "default/records", "--json")
    assert code == 0, error
    code, out, error = precedent("doctor")
    assert code == 0, out + error
    assert "external PostgreSQL 18" in out
    assert "p@ss" not in out
    with psycopg.connect(url) as owner:
        row = owner.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'platform_app'").fetchone()
        assert row == (False, False)
        # Forced row-level security holds for the owner too.
        assert owner.execute("SELECT count(*) FROM documents").fetchone() == (0,)


def test_two_installations_on_one_server_cannot_read_each_other(
    precedent: Call, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE second")
    second = url.replace("/platform", "/second")
    for database in (second, url):
        monkeypatch.setenv("PRECEDENT_DATABASE_URL", database)
        code, _, error = precedent("tenant", "list")
        assert code == 0, error
    for settings, other in ((url, "second"), (second, "platform")):
        endpoints = open_endpoints(Settings(Path("/nowhere"), database_url=settings))
        for own in (endpoints.app, endpoints.dagster):
            with psycopg.connect(dsn(own)) as connection:
                connection.execute("SELECT 1")
            for foreign in (other, f"{other}_dagster"):
                with pytest.raises(psycopg.OperationalError, match="CONNECT privilege"):
                    psycopg.connect(dsn(own.set(database=foreign)))


@pytest.mark.parametrize("variable", ["PRECEDENT_APP_DATABASE_URL", "PRECEDENT_DAGSTER_DATABASE_URL"])
def test_a_url_beside_the_owners_is_not_used_without_it(
    precedent: Call, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "postgresql://app@127.0.0.1/platform")
    code, _, error = precedent("tenant", "list")
    assert code == 2
    assert f"{variable} is set and PRECEDENT_DATABASE_URL is not" in error
