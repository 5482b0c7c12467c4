"""Members of tenants and administrators of the platform."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from precedent.access import members
from precedent.access.members import Membership
from precedent.access.roles import Role
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.tenants import tenants


@pytest.fixture
def two(database: Database) -> tuple[tenants.TenantRow, tenants.TenantRow]:
    mark = uuid4().hex[:6]
    return tenants.add(database, f"m-{mark}-a")[0], tenants.add(database, f"m-{mark}-b")[0]


@pytest.fixture
def no_administrators(database: Database) -> Iterator[None]:
    yield
    with database.session() as session:
        session.connection().exec_driver_sql("DELETE FROM members")


def test_a_role_may_do_what_those_before_it_may() -> None:
    assert [role for role in Role if role.may_act_as(Role.OPERATOR)] == [Role.OPERATOR, Role.ADMIN, Role.PLATFORM]


def test_a_person_has_a_role_in_each_tenant(database: Database, two: tuple[tenants.TenantRow, ...]) -> None:
    first, second = two
    members.save(database, first.id, " Anna@Example.org ", "viewer")
    members.save(database, second.id, "anna@example.org", "admin")
    assert members.memberships(database, "anna@example.org") == [
        Membership(first.id, first.name, Role.VIEWER),
        Membership(second.id, second.name, Role.ADMIN),
    ]
    assert members.role_of(database, first.id, "anna@example.org") is Role.VIEWER
    assert members.role_of(database, None, "anna@example.org") is None
    assert [member.name for member in members.list(database, first.id)] == ["anna@example.org"]


def test_another_role_replaces_the_first(database: Database, two: tuple[tenants.TenantRow, ...]) -> None:
    tenant = two[0]
    members.save(database, tenant.id, "bo", "viewer")
    assert members.save(database, tenant.id, "bo", "operator").role is Role.OPERATOR
    members.delete(database, tenant.id, "BO")
    assert members.list(database, tenant.id) == []
    with pytest.raises(NotFoundError, match="known: none yet"):
        members.delete(database, tenant.id, "bo")


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a/b", "x" * 201, "a\x00b", "a\nb"])
def test_a_name_that_cannot_be_is_refused(database: Database, two: tuple[tenants.TenantRow, ...], name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a member's name"):
        members.save(database, two[0].id, name, "viewer")


@pytest.mark.parametrize("role", ["platform", "owner", ""])
def test_a_tenant_has_its_own_roles_only(database: Database, two: tuple[tenants.TenantRow, ...], role: str) -> None:
    with pytest.raises(UsageError, match="viewer or operator or admin"):
        members.save(database, two[0].id, "bo", role)


@pytest.mark.usefixtures("no_administrators")
def test_the_only_administrator_stays(database: Database) -> None:
    members.save(database, None, "root", "platform")
    with pytest.raises(UsageError, match="only administrator"):
        members.delete(database, None, "root")
    members.save(database, None, "second", "platform")
    members.delete(database, None, "root")
    assert [member.name for member in members.list(database, None)] == ["second"]


@pytest.mark.usefixtures("no_administrators")
def test_administrators_are_seen_without_a_tenant_only(database: Database, two: tuple[tenants.TenantRow, ...]) -> None:
    members.save(database, None, "root", "platform")
    members.save(database, two[0].id, "bo", "viewer")
    assert [member.name for member in members.list(database, None)] == ["root"]
    assert [member.name for member in members.list(database, two[0].id)] == ["bo"]
