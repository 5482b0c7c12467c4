"""Every change of a configuration is written down, whichever program makes it; nobody changes what is written."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from precedent.access import audit, members, sessions, tokens
from precedent.access.audit import Question
from precedent.database.actor import Actor, acting
from precedent.database.session import Database
from precedent.tenants import policies, tenants

ANNA = Actor("member", "anna", "192.0.2.7", "request-1")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def owner(database: Database) -> tenants.TenantRow:
    return tenants.add(database, f"a-{uuid4().hex[:6]}")[0]


def test_a_change_says_who_from_where_and_what_was_before(database: Database, owner: tenants.TenantRow) -> None:
    with acting(ANNA):
        policies.save(database, owner.id, None, {"monthly_budget_usd": 5})
        policies.save(database, owner.id, None, {"monthly_budget_usd": 50, "mask": True})
        policies.save(database, owner.id, None, {"mask": True})
    changed, added = audit.list(database, owner.id)
    assert (changed.actor_kind, changed.actor, changed.address, changed.request_id) == (
        "member",
        "anna",
        "192.0.2.7",
        "request-1",
    )
    assert (changed.action, changed.object, changed.name) == ("changed", "policy", "tenant")
    assert changed.before == {"mask": False, "monthly_budget_usd": 5.0}
    assert changed.after == {"mask": True, "monthly_budget_usd": 50.0}
    assert (added.action, added.before) == ("added", None)


def test_the_command_line_is_written_down_too(precedent: Call, database: Database, tenant: str) -> None:
    assert precedent("policy", "set", "--budget", "5", "--tenant", tenant)[0] == 0
    (entry,) = audit.list(database, tenants.get(database, tenant).id)
    assert (entry.actor_kind, entry.action, entry.object, entry.name) == ("command", "added", "policy", "tenant")


def test_of_a_secret_only_that_it_is_stored_or_was_replaced(
    precedent: Call, database: Database, tenant: str, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    add = ("provider", "add", "paid", "--driver", "openai", "--capability", "text_generation", "--model", "gpt-4o-mini")
    options = ("--base-url", "http://127.0.0.1:9/v1", "--no-test", "--tenant", tenant, "--key-file", key)
    for secret, more in (("sk-planted-123456", []), ("sk-planted-abcdef", ["--replace"])):
        key.write_text(secret)
        code, _, error = precedent(*add, *options, *more)
        assert code == 0, error
    entries = audit.list(database, tenants.get(database, tenant).id)
    assert "planted" not in str(entries)
    assert [entry.after["credentials"] for entry in entries if entry.after and "credentials" in entry.after] == [
        "replaced",
        "stored",
    ]


def test_members_tokens_and_sessions_are_written_down(database: Database, owner: tenants.TenantRow) -> None:
    with acting(ANNA):
        members.save(database, owner.id, "bo", "viewer")
        tokens.add(database, owner.id, "ci", "viewer")
        tokens.revoke(database, owner.id, "ci")
        members.delete(database, owner.id, "bo")
        sessions.add(database, "bo")
    entries = audit.list(database, owner.id)
    assert [(entry.action, entry.object, entry.name) for entry in entries] == [
        ("removed", "member", "bo"),
        ("changed", "token", "ci"),
        ("added", "token", "ci"),
        ("added", "member", "bo"),
    ]
    platform = audit.list(database, None, Question(actor="anna", object="session"))
    assert [(entry.action, entry.name) for entry in platform] == [("added", "bo")]
    sessions.delete(database, "bo")


def test_what_is_used_only_is_not_written_down(database: Database, owner: tenants.TenantRow) -> None:
    made = tokens.add(database, owner.id, "ci", "viewer")
    tokens.find(database, made.token)
    assert [entry.action for entry in audit.list(database, owner.id)] == ["added"]


def test_an_action_without_a_row_is_recorded(database: Database, owner: tenants.TenantRow) -> None:
    with acting(ANNA):
        audit.record(database, owner.id, "refreshed", "source", "records", {"full": True})
    (entry,) = audit.list(database, owner.id, Question(action="refreshed"))
    assert (entry.actor, entry.name, entry.after) == ("anna", "records", {"full": True})


def test_pages_and_questions(database: Database, owner: tenants.TenantRow, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        audit.record(database, owner.id, "asked", "run", f"run-{number}")
    monkeypatch.setattr(audit, "PAGE", 3)
    names = [entry.name for entry in audit.every(database, owner.id)]
    assert names == [f"run-{number}" for number in reversed(range(7))]
    assert [entry.name for entry in audit.list(database, owner.id, Question(text="RUN-4"))] == ["run-4"]


def test_a_tenant_sees_its_own_entries(database: Database, owner: tenants.TenantRow) -> None:
    other = tenants.add(database, f"a-{uuid4().hex[:6]}")[0]
    audit.record(database, other.id, "asked", "run", "theirs")
    assert audit.list(database, owner.id) == []
    assert "theirs" not in {entry.name for entry in audit.list(database, None)}


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
def test_the_log_is_only_added_to(database: Database, owner: tenants.TenantRow, owner_dsn: str, statement: str) -> None:
    audit.record(database, owner.id, "asked", "run", "r")
    app = database.endpoints.app.set(drivername="postgresql").render_as_string(hide_password=False)
    for dsn in (app, owner_dsn):
        with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_the_application_cannot_write_an_entry_past_the_function(database: Database, owner: tenants.TenantRow) -> None:
    app = database.endpoints.app.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(app) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(
            "INSERT INTO audit_log (tenant_id, actor_kind, actor, action, object, name) "
            "VALUES (%s, 'member', 'anna', 'added', 'source', 'forged')",
            (owner.id,),
        )
