from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.incidents.rules.driver import LocalDriver
from precedent.providers.base import Capability
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.drivers.ollama import OllamaDriver
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.health import Health, HealthState
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.routing import DEFAULTS, Route, is_well, order
from precedent.tenants.preferences import Preference, Strategy
from tests.endpoints import endpoint

DRIVERS: dict[str, Any] = {
    "openai": OpenAIDriver,
    "gateway": GatewayDriver,
    "ollama": OllamaDriver,
    "local": LocalDriver,
}
ACTIVE, AUTO = Preference(strategy=Strategy.ACTIVE), Preference(strategy=Strategy.AUTO)


def prefer(*names: str) -> Preference:
    return Preference(strategy=Strategy.PREFER, prefer=names)


def seen(well: bool, latency_ms: float | None, edit_id: str = "1") -> Health:
    return Health(HealthState.WELL if well else HealthState.OPEN, latency_ms=latency_ms, edit_id=edit_id)


def target(name: str, driver: str = "gateway", usd: float | None = None, edit: str = "1") -> Endpoint:
    return endpoint(
        DRIVERS[driver],
        Capability.EMBEDDING,
        name=name,
        base_url="http://gateway.example",
        options={"dimensions": 8},
        cost={} if usd is None else {"input_per_million": usd, "output_per_million": 0},
        edit_id=edit,
    )


def names(targets: list[Endpoint], preferred: Preference, **found: Health) -> str:
    return " ".join(one.name for one in order(targets, preferred, found))


def test_active_keeps_the_chain() -> None:
    chain = [target("dear", usd=9), target("own", "ollama"), target("cheap", usd=1)]
    assert names(chain, ACTIVE, dear=seen(False, 1)) == "dear own cheap"


def test_prefer_goes_by_name_and_by_driver_and_else_by_the_chain() -> None:
    chain = [target("a", "openai"), target("b", "ollama"), target("c"), target("d", "ollama")]
    assert names(chain, prefer("ollama")) == "b d a c"
    assert names(chain, prefer("gateway", "ollama")) == "c b d a"
    assert names(chain, prefer("d", "gateway", "b")) == "d c b a"
    assert names(chain, prefer("absent")) == "a b c d"
    assert names(chain, prefer("d", "ollama", "d")) == "d b a c"  # the first mention counts


def test_bulk_work_stays_at_home_and_people_get_the_gateway() -> None:
    chain = [target("a", "openai"), target("b"), target("c", "ollama")]
    assert names(chain, DEFAULTS[Route.ETL]) == "c a b"
    assert names(chain, DEFAULTS[Route.INTERACTIVE]) == "b a c"


def test_auto_goes_by_health_then_price_then_latency() -> None:
    chain = [
        target("unknown"),
        target("dear", usd=9),
        target("slow", usd=1),
        target("quick", usd=1),
        target("own", "ollama"),
    ]
    known = {"slow": seen(True, 900.0), "quick": seen(True, 30.0)}
    assert names(chain, AUTO, **known) == "own quick slow dear unknown"
    assert names(chain, AUTO, **known, own=seen(False, 1.0)) == "quick slow dear unknown own"
    assert names([target("new", usd=1), *chain[2:4]], AUTO, **known) == "quick slow new"
    assert names([target("first", usd=1), target("second", usd=1)], AUTO) == "first second"


def test_auto_never_takes_the_rules_for_the_cheapest_model() -> None:
    chain = [target("rules", "local"), target("dear", usd=9)]
    assert names(chain, AUTO) == "dear rules"
    assert names(chain, AUTO, dear=seen(False, 1.0)) == "dear rules"


def test_an_open_breaker_of_an_earlier_edit_is_no_news() -> None:
    opened = {"a": seen(False, 10.0, "1")}
    assert not is_well(target("a"), opened)
    assert is_well(target("a", edit="2"), opened)
    assert is_well(target("b"), opened)
    assert not is_well(target("a"), {"a": seen(False, None)})


@given(
    st.lists(st.tuples(st.sampled_from(list(DRIVERS)), st.none() | st.floats(0, 9)), max_size=6),
    st.sampled_from(Strategy),
    st.dictionaries(st.sampled_from("012345"), st.builds(seen, st.booleans(), st.none() | st.floats(0, 9))),
)
def test_nobody_is_lost_or_asked_twice(
    rows: list[tuple[str, float | None]], strategy: Strategy, known: dict[str, Health]
) -> None:
    targets = [target(str(place), driver, usd) for place, (driver, usd) in enumerate(rows)]
    found = order(targets, Preference(strategy=strategy, prefer=("ollama", "3")), known)
    assert sorted(item.name for item in found) == [item.name for item in targets]


@pytest.mark.parametrize("strategy", Strategy)
def test_one_is_one(strategy: Strategy) -> None:
    assert names([target("a")], Preference(strategy=strategy), a=seen(False, None)) == "a"
