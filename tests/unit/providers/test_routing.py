from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.incidents.rules.driver import LocalDriver
from precedent.providers.base import Capability
from precedent.providers.config.options import ModelOptions
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.drivers.ollama import OllamaDriver
from precedent.providers.drivers.openai import OpenAIDriver
from precedent.providers.runtime.endpoint import Target
from precedent.providers.runtime.routing import DEFAULTS, STRATEGIES, Preferred, Route, Seen, is_well, order

DRIVERS: dict[str, Any] = {
    "openai": OpenAIDriver,
    "gateway": GatewayDriver,
    "ollama": OllamaDriver,
    "local": LocalDriver,
}


def target(name: str, driver: str = "gateway", usd: float | None = None, edit: str = "1") -> Target:
    cost = {} if usd is None else {"input_per_million": usd}
    return Target(
        name, DRIVERS[driver].info, 1, Capability.EMBEDDING, "m", "http://gateway.example", ModelOptions(dimensions=8),
        cost=cost, edit=edit,
    )  # fmt: skip


def names(targets: list[Target], preferred: Preferred, **seen: Seen) -> str:
    return " ".join(found.name for found in order(targets, preferred, seen))


def test_active_keeps_the_chain() -> None:
    chain = [target("dear", usd=9), target("own", "ollama"), target("cheap", usd=1)]
    assert names(chain, Preferred("active"), dear=Seen(False, 1)) == "dear own cheap"


def test_prefer_goes_by_name_and_by_driver_and_else_by_the_chain() -> None:
    chain = [target("a", "openai"), target("b", "ollama"), target("c"), target("d", "ollama")]
    assert names(chain, Preferred("prefer", ("ollama",))) == "b d a c"
    assert names(chain, Preferred("prefer", ("gateway", "ollama"))) == "c b d a"
    assert names(chain, Preferred("prefer", ("d", "gateway", "b"))) == "d c b a"
    assert names(chain, Preferred("prefer", ("absent",))) == "a b c d"
    assert names(chain, Preferred("prefer", ("d", "ollama", "d"))) == "d b a c"  # the first mention counts


def test_bulk_work_stays_at_home_and_people_get_the_gateway() -> None:
    chain = [target("a", "openai"), target("b"), target("c", "ollama")]
    assert names(chain, Preferred("prefer", DEFAULTS[Route.ETL])) == "c a b"
    assert names(chain, Preferred("prefer", DEFAULTS[Route.INTERACTIVE])) == "b a c"


def test_auto_goes_by_health_then_price_then_latency() -> None:
    auto = Preferred("auto")
    chain = [
        target("unknown"),
        target("dear", usd=9),
        target("slow", usd=1),
        target("quick", usd=1),
        target("own", "ollama"),
    ]
    seen = {"slow": Seen(True, 900.0), "quick": Seen(True, 30.0)}
    assert names(chain, auto, **seen) == "own quick slow dear unknown"
    assert names(chain, auto, **seen, own=Seen(False, 1.0)) == "quick slow dear unknown own"
    assert names([target("new", usd=1), *chain[2:4]], auto, **seen) == "quick slow new"
    assert names([target("first", usd=1), target("second", usd=1)], auto) == "first second"


def test_auto_never_takes_the_rules_for_the_cheapest_model() -> None:
    chain = [target("rules", "local"), target("dear", usd=9)]
    assert names(chain, Preferred("auto")) == "dear rules"
    assert names(chain, Preferred("auto"), dear=Seen(False, 1.0)) == "dear rules"


def test_an_open_breaker_of_an_earlier_edit_is_no_news() -> None:
    opened = {"a": Seen(False, 10.0, "1")}
    assert not is_well(target("a"), opened)
    assert is_well(target("a", edit="2"), opened)
    assert is_well(target("b"), opened)
    assert not is_well(target("a"), {"a": Seen(False, None)})


@given(
    st.lists(st.tuples(st.sampled_from(list(DRIVERS)), st.none() | st.floats(0, 9)), max_size=6),
    st.sampled_from(STRATEGIES),
    st.dictionaries(st.sampled_from("012345"), st.builds(Seen, st.booleans(), st.none() | st.floats(0, 9))),
)
def test_nobody_is_lost_or_asked_twice(
    rows: list[tuple[str, float | None]], strategy: str, seen: dict[str, Seen]
) -> None:
    targets = [target(str(place), driver, usd) for place, (driver, usd) in enumerate(rows)]
    found = order(targets, Preferred(strategy, ("ollama", "3")), seen)
    assert sorted(item.name for item in found) == [item.name for item in targets]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_one_is_one(strategy: str) -> None:
    assert names([target("a")], Preferred(strategy), a=Seen(False, None)) == "a"
