"""What a tenant allows, whom a kind of work asks first, and Dagster's pools that follow the rows."""

from pathlib import Path

import pytest

from orchestration.instance import dagster_instance
from orchestration.pools import pool_limits
from precedent.database.session import Database
from precedent.settings import Settings
from tests.integration.providers.provider_servers import TEXT, VECTORS, Add, Call, parsed, stored

pytest_plugins = ["tests.integration.providers.provider_fixtures"]


def test_a_policy_is_set_field_by_field_and_cleared(precedent: Call, tenant: str, archive: Path) -> None:
    own = ["--tenant", tenant, "--json"]
    parsed(precedent("policy", "set", "--budget", "25.50", "--no-external", *own))
    found = parsed(precedent("policy", "set", "--on-exhausted", "free", "--mask", *own))
    assert found == {
        "tenant": tenant,
        "allow_external": False,
        "mask": True,
        "allow_private_addresses": True,
        "monthly_budget_usd": 25.5,
        "on_exhausted": "free",
        "allow_unpriced": False,
        "sources": {},
        "warnings": [],
    }
    assert "25.5 USD a month" in precedent("policy", "show", "--tenant", tenant)[1]
    assert parsed(precedent("policy", "set", "--budget", "none", *own))["monthly_budget_usd"] is None
    assert precedent("source", "add", f"{tenant}/jira", archive)[0] == 0
    found = parsed(precedent("policy", "set", "--no-external", "--source", "jira", *own))
    assert found["sources"] == {"jira": {"allow_external": False, "mask": False}}
    assert parsed(precedent("policy", "clear", "--source", "jira", *own))["sources"] == {}
    assert parsed(precedent("policy", "clear", *own))["allow_external"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Say what to change"),
        (["--budget", "much"], 2, "A budget is an amount of USD a month or `none`"),
        (["--budget", "-1"], 2, "A budget is an amount"),
        (["--on-exhausted", "pray"], 2, "on-exhausted is one of stop, free"),
        (["--mask", "--source", "nowhere"], 1, "has no source 'nowhere'"),
        (["--budget", "5", "--source", "jira"], 2, "the rest belongs to the tenant"),
    ],
)
def test_a_wrong_policy_is_refused(
    precedent: Call, tenant: str, owner_dsn: str, archive: Path, arguments: list[str], code: int, words: str
) -> None:
    assert precedent("source", "add", f"{tenant}/jira", archive)[0] == 0
    before = stored(owner_dsn, tenant)
    found, _, error = precedent("policy", "set", *arguments, "--tenant", tenant)
    assert (found, words in error) == (code, True), error
    assert stored(owner_dsn, tenant) == before


def test_rows_that_a_policy_hits_are_named(precedent: Call, tenant: str, adding: Add) -> None:
    parsed(precedent("provider", "add", "writer", "--capability", TEXT, *adding, "--json"))
    arguments = ["--driver", "ollama", "--capability", VECTORS, "--no-test", "--tenant", tenant]
    assert precedent("provider", "add", "here", *arguments)[0] == 0
    assert precedent("provider", "add", "rules", "--driver", "local", "--tenant", tenant)[0] == 0
    code, _, error = precedent("policy", "set", "--no-private-addresses", "--tenant", tenant)
    assert (code, "a private address and are not asked any more: here, writer." in error) == (0, True)


def test_routes_have_defaults_and_take_known_names(precedent: Call, tenant: str, adding: Add) -> None:
    own = ["--tenant", tenant, "--json"]

    def shown() -> dict[tuple[str, str], tuple[str, list[str]]]:
        rows = parsed(precedent("route", "show", *own))
        return {(row["capability"], row["route"]): (row["strategy"], row["prefer"]) for row in rows}

    assert shown()[VECTORS, "interactive"] == ("prefer", ["gateway"])
    assert shown()[TEXT, "etl"] == ("active", [])
    parsed(precedent("provider", "add", "writer", "--capability", TEXT, *adding, "--json"))
    prefer = ["prefer", "--prefer", "writer", "--prefer", "ollama", "--capability", TEXT]
    parsed(precedent("route", "set", "interactive", *prefer, *own))
    parsed(precedent("route", "set", "etl", "auto", *own))
    assert shown()[TEXT, "interactive"] == ("prefer", ["writer", "ollama"])
    assert shown()[VECTORS, "etl"] == ("auto", [])
    for arguments, words in {
        ("etl", "cheapest"): "no strategy 'cheapest'",
        ("etl", "prefer"): "needs names or drivers",
        ("etl", "auto", "--prefer", "writer"): "the others take none",
        ("etl", "prefer", "--prefer", "writr"): "no provider or driver 'writr' to prefer",
        ("night", "auto"): "Invalid value",
    }.items():
        code, _, error = precedent("route", "set", *arguments, *own)
        assert (code, words in error) == (2, True), error


def test_pools_follow_the_active_rows(precedent: Call, tenant: str, adding: Add, database: Database) -> None:
    def held() -> dict[str, int]:
        with dagster_instance(Settings.from_environment(), database.endpoints) as instance:
            limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
        return {name: limits[name] for name in ("embedding_profile", "intelligence_provider")}

    own = ["--tenant", tenant]
    for name, runs in {"narrow": 1, "wide": 5}.items():
        arguments = ["--capability", TEXT, *adding, "--performance", f"concurrent_runs={runs}"]
        parsed(precedent("provider", "add", name, *arguments, "--json"))
    assert 1 not in pool_limits(database).values(), "a row that is not active says nothing"
    parsed(precedent("provider", "activate", "narrow", *own, "--json"))
    assert held() == pool_limits(database)
    assert held()["intelligence_provider"] == 1
    parsed(precedent("provider", "activate", "wide", *own, "--json"))
    assert held() == pool_limits(database)
    assert held()["intelligence_provider"] > 1
    parsed(
        precedent(
            "provider", "add", "narrow", *arguments[:-1], "concurrent_runs=1", "--activate", "--replace", "--json"
        )
    )
    assert held()["intelligence_provider"] == 1
    assert precedent("provider", "remove", "narrow", "--yes", *own)[0] == 0
    assert held() == pool_limits(database)
    assert held()["intelligence_provider"] > 1
