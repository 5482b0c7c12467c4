"""One provider's outage is not the user's: every real incident gets its analysis, and who served is seen."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.server import Behaviour, LoopbackServer
from precedent.providers.testing.wires.openai import OpenAIWire
from precedent.settings import Settings
from tests.conftest import DATA
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
INCIDENTS = DATA / "incidents" / "statuspage.jsonl.gz"
TENANT, SOURCE = "fallback", "fallback/status"
COUNT = 902
AT_ONCE = 4  # the default of `max_concurrency`

pytestmark = [
    pytest.mark.records,
    pytest.mark.skipif(not INCIDENTS.exists(), reason=f"{INCIDENTS} is absent: the shared records are not here"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as running:
        yield running


def ask(
    database: Database, server: LoopbackServer, fallback: str | None = None, name: str = "primary", **performance: Any
) -> None:
    wire = OpenAIWire()
    provider = {
        "name": name,
        "driver": "openai",
        "capability": "text_generation",
        "base_url": wire.base_url(server.url),
        "credentials": {"api_key": wire.key},
        "cost": {"input_per_million": 1, "output_per_million": 2},
        "performance": {"max_attempts": 2, "timeout_s": 0.5, "cooldown_s": 2, **performance},
        "fallback": fallback,
        "active": name == "primary",
    }
    save(database, Settings.from_environment(), TENANT, Provider.model_validate(provider), replace=True)


@pytest.fixture
def loaded(precedent: Call, database: Database) -> Path:
    """The 902 incidents, embedded once for all tests of this file."""
    precedent("tenant", "add", TENANT)
    precedent("source", "add", SOURCE, INCIDENTS)
    code, _, error = precedent(
        "refresh", SOURCE, "--select", "raw", "--select", "text", "--select", "vectors", "--json"
    )
    assert code == 0, error
    return INCIDENTS


def analysed(owner_dsn: str) -> list[tuple[Any, ...]]:
    """The newest analysis of each incident: served by, status, why not by the one that was asked, evidence."""
    with psycopg.connect(owner_dsn) as connection:
        return connection.execute(
            "SELECT DISTINCT ON (a.external_id) a.provider_asked, a.provider_served, a.status, a.fallback_reason, "
            "a.attempts, jsonb_array_length(a.recommendations) FROM analysis_runs a "
            "JOIN tenants t ON t.id = a.tenant_id WHERE t.name = %s ORDER BY a.external_id, a.id DESC",
            (TENANT,),
        ).fetchall()


def wait_for_the_pause_to_end(owner_dsn: str) -> None:
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        for _ in range(100):
            still = connection.execute(
                "SELECT count(*) FROM provider_health h JOIN tenants t ON t.id = h.tenant_id "
                "WHERE t.name = %s AND h.provider = 'primary' AND h.open_until > clock_timestamp()",
                (TENANT,),
            ).fetchone()
            if still == (0,):
                return
            time.sleep(0.1)
    pytest.fail("The breaker's pause does not end.")


FAULTS = {
    "unavailable": {"behaviour": Behaviour.STATUS, "status": 500},
    "rate_limited": {"behaviour": Behaviour.STATUS, "status": 429, "headers": {"retry-after": "1"}},
    "timeout": {"behaviour": Behaviour.SLOW},
    "authentication": {"behaviour": Behaviour.STATUS, "status": 401},
}


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("kind", FAULTS)
def test_every_incident_is_analysed_while_the_primary_fails(
    kind: str, precedent: Call, database: Database, server: LoopbackServer, owner_dsn: str
) -> None:
    server.behave(**FAULTS[kind])
    ask(database, server, cooldown_s=60)
    with psycopg.connect(owner_dsn, autocommit=True) as connection:
        connection.execute(
            "DELETE FROM analysis_runs a USING tenants t WHERE t.id = a.tenant_id AND t.name = %s", (TENANT,)
        )
    code, out, error = precedent("refresh", SOURCE, "--select", "incidents", "--json")
    assert code == 0, error
    outcome = json.loads(out)
    found = analysed(owner_dsn)
    assert len(found) == COUNT
    assert {(asked, served, status) for asked, served, status, *_ in found} == {("primary", "local", "succeeded")}
    assert all(count > 0 for *_, count in found)
    reasons = [reason for _, _, _, reason, *_ in found]
    assert any(reason.startswith(f"{kind}: ") for reason in reasons)
    assert all(reason.startswith((f"{kind}: ", "breaker_open: ")) for reason in reasons)
    # The breaker spares all but the first, and those under way when it opens, from waiting for a provider that is down.
    assert len(server.calls) <= 2 * (5 + AT_ONCE - 1) + 4
    layer = outcome["layers"]["incidents/recommendations"]
    assert (layer["fallback/used"], layer["fallback/incidents"]) == (True, COUNT)
    assert layer["provider/name"] == "primary"
    assert outcome["checks"]["incidents/recommendations:served_as_asked"] is False


@pytest.mark.usefixtures("loaded")
def test_a_provider_that_is_well_again_is_asked_again_and_a_middle_one_serves_meanwhile(
    precedent: Call, database: Database, server: LoopbackServer, owner_dsn: str
) -> None:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as second:
        ask(database, second, name="second")
        server.behave(Behaviour.STATUS, status=503)
        ask(database, server, fallback="second", opens_after=1, cooldown_s=0.2)
        code, _, error = precedent("refresh", SOURCE, "--select", "incidents", "--json")
        assert code == 0, error
        served = {row[1] for row in analysed(owner_dsn)}
        assert served == {"second"}
    server.behave()
    wait_for_the_pause_to_end(owner_dsn)
    code, out, error = precedent("refresh", SOURCE, "--select", "incidents", "--json")
    assert code == 0, error
    found = analysed(owner_dsn)
    assert {(row[1], row[3]) for row in found} == {("primary", None)}
    assert json.loads(out)["layers"]["incidents/recommendations"]["fallback/used"] is False
