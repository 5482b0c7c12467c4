"""What sensors ask of all tenants at once shows them all, and leaves no tenant behind on the connection."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from precedent.providers.config import repository
from precedent.sources import repository as catalog
from precedent.sources import schedule
from precedent.sources.repository import SourceRow
from precedent.tenants import budgets, policies
from tests.integration.automation.sensor_fixtures import Ticking

pytest_plugins = ["tests.integration.automation.sensor_fixtures"]
FUNCTIONS = [
    "source_schedule()",
    "tenants_with_incidents()",
    "configuration_digests()",
    "budgets_this_month()",
    "incidents_to_analyse((SELECT jsonb_object_agg(id, '00') FROM tenants))",
]
TENANT = "SELECT coalesce(current_setting('precedent.tenant_id', true), '')"
Connection = psycopg.Connection[Any]


@pytest.fixture
def two(ticking: Ticking, another: Ticking) -> tuple[SourceRow, SourceRow]:
    """A source of each of two tenants, one with a key; each tenant has a budget."""
    for each in (ticking, another):
        policies.save(each.database, each.tenant_id, None, {"monthly_budget_usd": Decimal(10)})
    values = {"repository": "acme/web"}
    mine = catalog.add(ticking.database, ticking.tenant, "code", "github", values, {"api_key": "s3cret"})
    return mine, catalog.add(another.database, another.tenant, "code", "github", values)


@pytest.fixture
def app(ticking: Ticking) -> Iterator[Connection]:
    """One connection as the application's role."""
    dsn = ticking.database.endpoints.app.render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def tenant_of(connection: Connection) -> str:
    return str((connection.execute(TENANT).fetchone() or ("?",))[0])


def visible(connection: Connection) -> set[int]:
    return {row[0] for row in connection.execute("SELECT tenant_id FROM integrations")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_tenant_is_left_on_the_connection(app: Connection, two: tuple[SourceRow, SourceRow], function: str) -> None:
    app.execute(f"SELECT * FROM {function}")
    assert tenant_of(app) == ""
    assert visible(app) == set()
    with app.transaction():
        app.execute(f"SELECT * FROM {function}")
        assert tenant_of(app) == "", "not in the same transaction either"
        assert visible(app) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("local", [True, False], ids=["in a transaction", "on the connection"])
def test_a_session_of_a_tenant_stays_of_that_tenant(
    app: Connection, two: tuple[SourceRow, SourceRow], function: str, local: bool
) -> None:
    mine = two[0].tenant_id
    with app.transaction():
        app.execute("SELECT set_config('precedent.tenant_id', %s, %s)", (str(mine), local))
        app.execute(f"SELECT * FROM {function}")
        assert (tenant_of(app), visible(app)) == (str(mine), {mine})
    assert (tenant_of(app), visible(app)) == (("", set()) if local else (str(mine), {mine}))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_tenant_is_not_left_behind_by_a_reader_that_stops_early(
    app: Connection, two: tuple[SourceRow, SourceRow], function: str
) -> None:
    with app.transaction():
        app.execute(f"DECLARE rows CURSOR FOR SELECT * FROM {function}")
        app.execute("FETCH 1 FROM rows")
        assert (tenant_of(app), visible(app)) == ("", set())


def test_every_tenants_sources_are_there(ticking: Ticking, two: tuple[SourceRow, SourceRow]) -> None:
    found = {source.id: source for source in schedule.sources(ticking.database)}
    assert [(found[row.id].key, found[row.id].tenant_id) for row in two] == [(row.key, row.tenant_id) for row in two]


def test_every_tenants_budget_and_digest_are_there(ticking: Ticking, two: tuple[SourceRow, SourceRow]) -> None:
    owners = {row.tenant_id for row in two}
    assert owners <= {budget.tenant_id for budget in budgets.list(ticking.database)}
    assert owners <= set(repository.digests(ticking.database))


def test_credentials_and_configurations_are_no_part_of_it(app: Connection, two: tuple[SourceRow, SourceRow]) -> None:
    said = [repr(app.execute(f"SELECT * FROM {function}").fetchall()) for function in FUNCTIONS]
    stored = two[0].stored or ""
    assert stored, "there is a secret to be kept"
    assert not [each for each in said if stored in each or "acme/web" in each]


def test_the_last_probes_of_a_tenant_are_its_own(ticking: Ticking, two: tuple[SourceRow, SourceRow]) -> None:
    mine, theirs = two
    found = schedule.last_probes(ticking.database, mine.tenant_id, [mine.id, theirs.id])
    assert set(found) == {mine.id}
    assert mine.stored
    assert mine.stored not in repr(found)


@pytest.mark.parametrize("function", ["source_schedule()", "budgets_this_month()"])
def test_nobody_but_the_application_may_ask(owner_dsn: str, function: str) -> None:
    with psycopg.connect(owner_dsn) as owner:
        granted = owner.execute(
            "SELECT has_function_privilege('precedent_app', %(f)s, 'EXECUTE'), "
            "EXISTS (SELECT FROM pg_proc p, aclexplode(p.proacl) a "
            "WHERE p.oid = %(f)s::regprocedure AND a.grantee = 0)",
            {"f": function},
        ).fetchone()
    assert granted == (True, False)
