"""Records that were made to hurt, through the whole of a refresh: each costs itself alone, and nothing is silent."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from precedent.database.refusals import write_sound
from precedent.database.session import Database
from precedent.errors import DatabaseError
from precedent.sources import registry
from precedent.sources.kinds.archive.source import ArchiveSource
from precedent.sources.kinds.jira.source import JiraSource
from precedent.tenants import tenants as tenancy
from tests.integration.conftest import issue, write_lines
from tests.integration.sources.live_fixtures import Call, listed, refreshed
from tests.servers.jira import JiraServer
from tests.unit.sources.hostile import write_hostile


@pytest.fixture
def tenant(precedent: Call) -> str:
    name = f"t-{uuid4().hex[:8]}"
    assert precedent("tenant", "add", name)[0] == 0
    return name


@pytest.fixture
def jira() -> Iterator[JiraServer]:
    with JiraServer() as server:
        for number in range(5):
            server.add_issue(summary=f"Printer {number} is on fire", description="Smoke comes out.")
        yield server


@pytest.fixture
def live(precedent: Call, tenant: str, jira: JiraServer) -> str:
    key = f"{tenant}/issues"
    code, _, error = precedent("source", "add", key, jira.url, "--kind", "jira", "--project", "PRO")
    assert code == 0, error
    refreshed(precedent, key)
    return key


@pytest.fixture
def files(precedent: Call, tenant: str, tmp_path: Path) -> tuple[str, Path]:
    folder = tmp_path / "files"
    folder.mkdir()
    write_lines(folder / "issues.jsonl", [issue(n, f"Title {n}", f"Body {n}") for n in range(1, 6)])
    key = f"{tenant}/files"
    code, _, error = precedent("source", "add", key, str(folder))
    assert code == 0, error
    return key, folder


def rejected(owner_dsn: str, key: str) -> list[tuple[str, str]]:
    tenant, _, name = key.partition("/")
    with psycopg.connect(owner_dsn) as connection:
        return connection.execute(
            "SELECT r.file, r.reason FROM rejected_records r JOIN integrations i ON i.id = r.source_id "
            "JOIN tenants t ON t.id = i.tenant_id WHERE t.name = %s AND i.name = %s ORDER BY 1, 2",
            (tenant, name),
        ).fetchall()


def nested_lists(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(depth):
        node = {"type": "bulletList", "content": [{"type": "listItem", "content": [node]}]}
    return {"type": "doc", "content": [node]}


def test_a_poisoned_issue_on_a_live_page_is_rejected_and_the_others_arrive(
    precedent: Call, live: str, jira: JiraServer, owner_dsn: str
) -> None:
    jira.add_issue(summary="Deep", description=nested_lists(50))
    jira.add_issue(summary="Wrong", description=[1])
    jira.add_issue(summary="Behind them")
    refreshed(precedent, live)
    row = listed(precedent, live)
    assert (row["state"], row["raw"]["issues"], row["rejected"]) == ("ok", 6, 2)
    assert rejected(owner_dsn, live) == [("issue/PRO-6", "too_deep"), ("issue/PRO-7", "wrong_type")]


def test_a_node_of_an_odd_type_costs_no_text(precedent: Call, live: str, jira: JiraServer) -> None:
    odd = {"type": ["paragraph"], "content": [{"type": {}, "text": "Thermocouple"}]}
    jira.add_issue(summary="Odd", description={"type": "doc", "content": [odd]})
    refreshed(precedent, live)
    row = listed(precedent, live)
    assert (row["state"], row["documents"], row["rejected"]) == ("ok", 6, 0)


@pytest.mark.parametrize("error", [TypeError("odd"), RecursionError()])
@pytest.mark.parametrize("method", ["probe", "pages"])
def test_whatever_raises_a_live_source_is_not_ok(
    precedent: Call, live: str, jira: JiraServer, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    assert listed(precedent, live)["state"] == "ok"
    with monkeypatch.context() as patch:
        patch.setattr(JiraSource, method, fail)
        refreshed(precedent, live)
    row = listed(precedent, live)
    assert row["state"] == "needs attention"
    assert type(error).__name__ in row["reason"]
    jira.add_issue(summary="Afterwards")
    refreshed(precedent, live)
    row = listed(precedent, live)
    assert (row["state"], row["raw"]["issues"]) == ("ok", 6)


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd")])
@pytest.mark.parametrize("method", ["fingerprint", "read"])
def test_whatever_raises_files_are_not_ok(
    precedent: Call, files: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, method: str, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    key, folder = files
    refreshed(precedent, key)
    write_lines(folder / "more.jsonl", [issue(9, "Title", "Body")])
    with monkeypatch.context() as patch:
        patch.setattr(ArchiveSource, method, fail)
        assert precedent("refresh", key, "--json")[0] != 0
    row = listed(precedent, key)
    assert row["state"] == "needs attention"
    assert type(error).__name__ in row["reason"]
    refreshed(precedent, key)
    row = listed(precedent, key)
    assert (row["state"], row["raw"]["issues"]) == ("ok", 6)


def test_what_no_text_can_be_made_of_is_said_and_tried_again(
    precedent: Call, files: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, owner_dsn: str
) -> None:
    key, _ = files
    sound = registry.extract

    def broken(shape: str, payload: dict[str, Any]) -> Any:
        if payload["number"] == 3:
            raise TypeError("odd")
        return sound(shape, payload)

    with monkeypatch.context() as patch:
        patch.setattr(registry, "extract", broken)
        refreshed(precedent, key)
    row = listed(precedent, key)
    assert (row["state"], row["documents"], row["rejected"]) == ("incomplete", 4, 1)
    assert rejected(owner_dsn, key) == [("issue/harbor/platform#3", "no_text")]
    refreshed(precedent, key)
    row = listed(precedent, key)
    assert (row["state"], row["documents"], row["rejected"]) == ("ok", 5, 0)


def test_a_source_whose_documents_are_not_all_made_is_incomplete(
    precedent: Call, files: tuple[str, Path], owner_dsn: str
) -> None:
    key, _ = files
    refreshed(precedent, key)
    assert listed(precedent, key)["state"] == "ok"
    with psycopg.connect(owner_dsn) as connection:
        connection.execute("DELETE FROM documents WHERE external_id = 'harbor/platform#2'")
    assert listed(precedent, key)["state"] == "incomplete"


def test_poisons_of_files_are_rejections_in_the_database(
    precedent: Call, files: tuple[str, Path], owner_dsn: str
) -> None:
    key, folder = files
    poisons = {
        "deep": {**issue(11, "x", "y"), "more": json.loads("[" * 255 + "]" * 255)},
        "long": {**issue(12, "x", "y"), "url": f"https://api.github.com/repos/{'o' * 10_000}/n/issues/7"},
        "square": {"number": "\u00b2", "title": "x"},
    }
    for name, poison in poisons.items():
        (folder / f"{name}.json").write_text(json.dumps([poison, issue(20 + len(name), name, "sound")]))
    refreshed(precedent, key)
    row = listed(precedent, key)
    assert (row["state"], row["raw"]["issues"], row["documents"], row["rejected"]) == ("ok", 7, 7, 3)
    assert rejected(owner_dsn, key) == [
        ("deep.json", "too_deep"),
        ("long.json", "id_too_long"),
        ("square.json", "no_id"),
    ]


def test_hostile_records_end_in_rows_documents_or_rejections(
    precedent: Call, files: tuple[str, Path], owner_dsn: str
) -> None:
    key, folder = files
    (folder / "issues.jsonl").unlink()
    written = write_hostile(folder, int(os.environ.get("PRECEDENT_TEST_HOSTILE", "1000")), seed=3)
    code, _, error = precedent("refresh", key, "--select", "raw", "--select", "text", "--json")
    assert code == 0, error
    row = listed(precedent, key)
    assert row["raw"]["issues"] == row["documents"] == len(written.sound)
    assert len(rejected(owner_dsn, key)) == row["rejected"] == written.poisoned


def test_rows_that_the_database_refuses_are_found_among_the_others(database: Database, tenant: str) -> None:
    with database.bulk(tenancy.get(database, tenant).id) as connection:
        connection.execute("CREATE TEMP TABLE numbers (value smallint)")
        refused = write_sound(
            connection,
            [str(n) for n in range(200)] + ["70000", "odd"] + ["7"] * 9,
            lambda rows: connection.execute("INSERT INTO numbers SELECT unnest(%s::text[])::smallint", (list(rows),)),
        )
        kept = connection.execute("SELECT count(*) FROM numbers").fetchone()
        connection.execute("DROP TABLE numbers")
    assert kept == (209,)
    assert [(row, type(error).__name__) for row, error in refused] == [
        ("70000", "NumericValueOutOfRange"),
        ("odd", "InvalidTextRepresentation"),
    ]


def test_sound_rows_wait_for_the_callers_commit(database: Database, tenant: str) -> None:
    with database.bulk(tenancy.get(database, tenant).id) as connection:
        connection.execute("CREATE TEMP TABLE kept (value integer)")
        connection.commit()
        write_sound(connection, [1], lambda rows: connection.execute("INSERT INTO kept VALUES (1)"))
        connection.rollback()
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        connection.execute("DROP TABLE kept")


def test_only_a_lost_connection_is_called_so(database: Database, tenant: str, owner_dsn: str) -> None:
    def insert_a_long_id(connection: "psycopg.Connection[Any]") -> None:
        connection.execute("CREATE TEMP TABLE names (name text PRIMARY KEY)")
        connection.execute("INSERT INTO names SELECT string_agg(md5(n::text), '') FROM generate_series(1, 999) n")

    def lose_the_connection(connection: "psycopg.Connection[Any]") -> None:
        with psycopg.connect(owner_dsn) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")

    def within(act: Callable[["psycopg.Connection[Any]"], None]) -> None:
        with database.bulk(tenancy.get(database, tenant).id) as connection:
            act(connection)

    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        within(insert_a_long_id)
    with pytest.raises(DatabaseError, match="cannot be reached"):
        within(lose_the_connection)
