"""Links that sign in once, and the sessions that follow."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from precedent.access import sessions
from precedent.database.session import Database


@pytest.fixture
def person(database: Database) -> Iterator[str]:
    name = f"p-{uuid4().hex[:6]}"
    yield name
    sessions.delete(database, name)


def test_a_link_signs_in_once(database: Database, person: str) -> None:
    link = sessions.add_link(database, person)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: sessions.take_link(database, link), range(8)))
    assert sorted(taken, key=str) == [None] * 7 + [person]


def test_a_link_ends(database: Database, person: str) -> None:
    assert sessions.take_link(database, sessions.add_link(database, person, timedelta(seconds=-1))) is None
    assert sessions.take_link(database, "guess") is None


def test_a_session_is_found_until_it_is_ended(database: Database, person: str) -> None:
    secret = sessions.add(database, person, "127.0.0.1", "Browser\x00 " + "x" * 500)
    found = sessions.find(database, secret)
    assert found is not None
    assert (found.name, found.address, len(found.browser or "")) == (person, "127.0.0.1", 199)
    other = sessions.add(database, person)
    assert sessions.delete(database, person, found.id) == 1
    assert sessions.find(database, secret) is None
    assert sessions.find(database, other) is not None
    assert sessions.delete(database, person) == 1
    assert sessions.list(database, person) == []


def test_a_session_that_is_not_used_ends(database: Database, person: str, owner_dsn: str) -> None:
    secret = sessions.add(database, person)
    with psycopg.connect(owner_dsn) as owner:
        owner.execute("UPDATE sessions SET last_used_at = now() - interval '8 days' WHERE name = %s", (person,))
    assert sessions.find(database, secret) is None


def test_a_tenants_transaction_sees_no_session(database: Database, person: str) -> None:
    sessions.add(database, person)
    with database.tenant(1) as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM sessions").scalar() == 0
