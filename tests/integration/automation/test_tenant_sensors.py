"""Sensors of incidents, providers and budgets: they speak when something has changed, of the tenant that it is of."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import psycopg
import pytest

from assets.config.providers import TENANTS_TAG
from precedent.providers.config.options import PerformanceOptions
from precedent.providers.runtime.ledger import Ledger, UsageEntry
from precedent.sources import repository as catalog
from precedent.sources.repository import SourceRow
from precedent.tenants import policies
from tests.integration.automation.sensor_fixtures import Ticking
from tests.integration.conftest import incident, write_lines

pytest_plugins = ["tests.integration.automation.sensor_fixtures"]
Call = Callable[..., tuple[int, str, str]]
SENSOR = "incidents_without_analysis"


def outage(number: int, **changes: Any) -> dict[str, Any]:
    return incident(f"Outage {number}", "The connection pool is exhausted.", number) | changes


@pytest.fixture
def outages(ticking: Ticking, tmp_path: Path) -> SourceRow:
    """A source that is going to hold incidents."""
    write_lines(tmp_path / "incidents.jsonl", [outage(1)])
    return ticking.add("outages", "archive", {"path": str(tmp_path / "incidents.jsonl")})


@pytest.fixture
def loaded(precedent: Call, outages: SourceRow, tmp_path: Path) -> Callable[..., None]:
    """Let the source hold these incidents, up to their documents."""

    def load(*records: Mapping[str, Any]) -> None:
        write_lines(tmp_path / "incidents.jsonl", [dict(record) for record in records])
        code, _, error = precedent("refresh", outages.key, "--select", "raw", "--select", "text", "--json")
        assert code == 0, error

    return load


@pytest.fixture
def analysed(precedent: Call, outages: SourceRow) -> Callable[[], None]:
    """Analyse the incidents with the rules."""

    def analyse() -> None:
        code, _, error = precedent("refresh", outages.key, "--select", "vectors", "--select", "incidents", "--json")
        assert code == 0, error

    return analyse


def test_a_new_incident_is_requested_before_bulk_work(
    ticking: Ticking, outages: SourceRow, loaded: Callable[..., None]
) -> None:
    assert ticking.requested(SENSOR) == []
    loaded(outage(1))
    (request,) = ticking.requested(SENSOR)
    assert (request.partition_key, request.tags["precedent/class"]) == (outages.key, "incident")
    assert request.tags["precedent/tenant"] == ticking.tenant


def test_incidents_are_requested_again_only_when_the_set_of_them_changes(
    ticking: Ticking, outages: SourceRow, loaded: Callable[..., None], analysed: Callable[[], None]
) -> None:
    loaded(outage(1))
    (first,) = ticking.requested(SENSOR)
    assert [request.run_key for request in ticking.requested(SENSOR)] == [first.run_key]
    loaded(outage(1), outage(2))
    (second,) = ticking.requested(SENSOR)
    assert second.run_key != first.run_key
    analysed()
    assert ticking.requested(SENSOR) == []
    loaded(outage(1), outage(2, status="resolved"))
    (third,) = ticking.requested(SENSOR)
    assert third.run_key not in {first.run_key, second.run_key}


def test_incidents_are_not_requested_while_they_are_being_analysed(
    ticking: Ticking, loaded: Callable[..., None]
) -> None:
    loaded(outage(1))
    (request,) = ticking.requested(SENSOR)
    run = ticking.queue("recommend", request)
    assert ticking.requested(SENSOR) == []
    ticking.instance.delete_run(run)
    assert len(ticking.requested(SENSOR)) == 1


def test_a_paused_source_has_no_incidents_to_analyse(
    ticking: Ticking, outages: SourceRow, loaded: Callable[..., None]
) -> None:
    loaded(outage(1))
    catalog.set_paused(ticking.database, outages.key, paused=True)
    assert ticking.requested(SENSOR) == []


def test_a_tenant_whose_provider_is_of_another_version_stops_no_other(
    ticking: Ticking, another: Ticking, loaded: Callable[..., None], precedent: Call, owner_dsn: str, tmp_path: Path
) -> None:
    loaded(outage(1))
    theirs = another.add("outages", "archive", {"path": str(tmp_path / "incidents.jsonl")})
    assert precedent("refresh", theirs.key, "--select", "raw", "--select", "text", "--json")[0] == 0
    own = ("--driver", "local", "--capability", "text_generation", "--tenant", another.tenant)
    assert precedent("provider", "add", "rules", *own, "--activate")[0] == 0
    provider = "integrations WHERE type = 'ai_provider' AND tenant_id = %s"
    with psycopg.connect(owner_dsn) as owner:
        change = "UPDATE integrations SET provider = 'of-tomorrow', revision = revision + 1"
        owner.execute(f"{change} {provider.removeprefix('integrations')}", (another.tenant_id,))
    try:
        assert (len(ticking.requested(SENSOR)), another.requested(SENSOR)) == (1, [])
    finally:
        with psycopg.connect(owner_dsn) as owner:
            owner.execute(f"DELETE FROM {provider}", (another.tenant_id,))
    assert len(another.requested(SENSOR)) == 1


def observed(ticking: Ticking, cursor: str | None) -> tuple[list[dg.RunRequest], str | None]:
    data = ticking.tick("provider_configuration", cursor)
    return list(data.run_requests or ()), data.cursor or cursor


def test_an_edited_policy_is_observed_once_and_names_its_tenant(ticking: Ticking, outages: SourceRow) -> None:
    _, cursor = observed(ticking, None)
    assert observed(ticking, cursor) == ([], cursor)
    policies.save(ticking.database, ticking.tenant_id, None, {"allow_external": False})
    (request,), cursor = observed(ticking, cursor)
    assert request.tags[TENANTS_TAG] == ticking.tenant
    assert observed(ticking, cursor) == ([], cursor)


def test_a_tenant_without_sources_has_nothing_to_observe(
    ticking: Ticking, outages: SourceRow, another: Ticking
) -> None:
    _, cursor = observed(ticking, None)
    policies.save(another.database, another.tenant_id, None, {"allow_external": False})
    assert observed(ticking, cursor) == ([], cursor)


def test_a_source_that_was_replaced_under_its_name_is_observed(ticking: Ticking, outages: SourceRow) -> None:
    _, cursor = observed(ticking, None)
    catalog.delete(ticking.database, outages.key)
    catalog.add(ticking.database, ticking.tenant, outages.name, outages.kind, outages.configuration)
    (request,), _ = observed(ticking, cursor)
    assert request.tags[TENANTS_TAG] == ticking.tenant


def test_what_is_set_back_is_observed_again(
    ticking: Ticking, outages: SourceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, cursor = [], None
    for model in ("one", "another", "one"):
        monkeypatch.setenv("OPENAI_MODEL", model)
        (request,), cursor = observed(ticking, cursor)
        keys.append(request.run_key)
    assert len(set(keys)) == 3


def warned(ticking: Ticking) -> list[int]:
    """The levels, in percent, of which a tick speaks."""
    return [int((request.run_key or "").rpartition(":")[2]) for request in ticking.requested("budget_warnings")]


def spend(ticking: Ticking, usd: str) -> None:
    ledger = Ledger(ticking.database, ticking.tenant_id)
    entry = UsageEntry(uuid4(), "paid", "openai", "m", "1", "embed", "etl", 1.0, 1, "succeeded", cost_usd=Decimal(usd))
    ledger.settle(entry, None, "ok", PerformanceOptions())
    ledger.close()


@pytest.mark.parametrize(
    ("spent", "levels"), [("7.90", []), ("8.00", [80]), ("9.99", [80]), ("10.00", [80, 100]), ("12.00", [80, 100])]
)
def test_a_budget_is_announced_at_eighty_and_at_a_hundred_percent(
    ticking: Ticking, spent: str, levels: list[int]
) -> None:
    policies.save(ticking.database, ticking.tenant_id, None, {"monthly_budget_usd": Decimal(10)})
    spend(ticking, spent)
    assert warned(ticking) == levels


def test_a_level_is_announced_once_and_again_after_a_new_limit(ticking: Ticking) -> None:
    def keys() -> list[str | None]:
        return [request.run_key for request in ticking.requested("budget_warnings")]

    policies.save(ticking.database, ticking.tenant_id, None, {"monthly_budget_usd": Decimal(10)})
    spend(ticking, "8.5")
    first = keys()
    spend(ticking, "0.5")
    assert keys() == first
    policies.save(ticking.database, ticking.tenant_id, None, {"monthly_budget_usd": Decimal(11)})
    assert len({*first, *keys()}) == 2


def test_a_tenant_without_a_budget_is_not_warned(ticking: Ticking) -> None:
    spend(ticking, "1000")
    assert warned(ticking) == []
