"""Tokens: shown once, found by their digest, replaced with an overlap, revoked at once."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from precedent.access import tokens
from precedent.access.roles import Role
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.tenants import tenants


@pytest.fixture
def tenant(database: Database) -> int:
    return tenants.add(database, f"k-{uuid4().hex[:6]}")[0].id


def test_a_token_is_found_by_its_text(database: Database, tenant: int) -> None:
    made = tokens.add(database, tenant, "ci", "operator")
    found = tokens.find(database, made.token)
    assert found is not None
    assert (found.id, found.tenant_id, found.role, found.last_four) == (
        made.row.id,
        tenant,
        Role.OPERATOR,
        made.token[-4:],
    )
    assert tokens.list(database, tenant)[0].last_used_at is not None


def test_the_token_itself_is_stored_nowhere(database: Database, tenant: int, owner_dsn: str) -> None:
    made = tokens.add(database, tenant, "ci", "viewer")
    secret = made.token.split("_")[2]
    with psycopg.connect(owner_dsn) as owner:
        for table in ("api_tokens", "audit_log"):
            rows = owner.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert not [row for row in rows if secret in row[0]], table


@pytest.mark.parametrize("change", ["digit", "checksum", "tenant", "empty", "long", "bytes"])
def test_another_text_finds_nothing(database: Database, tenant: int, change: str) -> None:
    token = tokens.add(database, tenant, "ci", "viewer").token
    other = tenants.add(database, f"k-{uuid4().hex[:6]}")[0].id
    wrong = {
        "digit": token.replace(token[12], "0" if token[12] != "0" else "1", 1),
        "checksum": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "tenant": token.replace(f"pct_{tenant}_", f"pct_{other}_"),
        "empty": "",
        "long": token + "0" * 100_000,
        "bytes": token[:-1] + "\x00",
    }[change]
    assert tokens.find(database, wrong) is None


def test_a_token_of_the_platform_belongs_to_no_tenant(database: Database) -> None:
    name = f"ops-{uuid4().hex[:6]}"
    made = tokens.add(database, None, name, "platform")
    found = tokens.find(database, made.token)
    assert found is not None
    assert (found.tenant_id, found.role) == (None, Role.PLATFORM)
    with pytest.raises(UsageError, match="on the platform as a whole: write platform"):
        tokens.add(database, None, "x", "admin")
    tokens.revoke(database, None, name)


def test_two_are_valid_while_one_replaces_the_other(database: Database, tenant: int) -> None:
    first = tokens.add(database, tenant, "ci", "operator", timedelta(days=30))
    second = tokens.rotate(database, tenant, "ci")
    assert tokens.find(database, first.token) is not None
    assert tokens.find(database, second.token) is not None
    assert second.row.role is Role.OPERATOR
    old, new = tokens.list(database, tenant)
    assert old.expires_at is not None
    assert timedelta(hours=23) < old.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    assert new.expires_at is not None
    assert timedelta(days=29) < new.expires_at - datetime.now(UTC) <= timedelta(days=30)
    third = tokens.rotate(database, tenant, "ci")
    assert [tokens.find(database, made.token) is not None for made in (first, second, third)] == [False, True, True]


def test_a_revoked_one_ends_at_once_with_what_it_replaced(database: Database, tenant: int) -> None:
    first = tokens.add(database, tenant, "ci", "viewer")
    second = tokens.rotate(database, tenant, "ci")
    assert tokens.revoke(database, tenant, "ci") == 2
    assert [tokens.find(database, made.token) for made in (first, second)] == [None, None]
    assert [row.state for row in tokens.list(database, tenant)] == ["revoked", "revoked"]
    with pytest.raises(NotFoundError, match="no valid token 'ci'"):
        tokens.revoke(database, tenant, "ci")


def test_an_expired_one_is_not_found(database: Database, tenant: int) -> None:
    made = tokens.add(database, tenant, "ci", "viewer", timedelta(seconds=-1))
    assert tokens.find(database, made.token) is None
    assert tokens.list(database, tenant)[0].state == "expired"
    assert tokens.add(database, tenant, "ci", "viewer", None).row.expires_at is None


def test_a_name_is_taken_while_its_token_is_valid(database: Database, tenant: int) -> None:
    tokens.add(database, tenant, "ci", "viewer")
    with pytest.raises(UsageError, match="precedent token rotate ci"):
        tokens.add(database, tenant, "ci", "viewer")
