"""Answers of no use are charged for: 20 of them never cost more than the budget, and the ledger says what they cost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.testing.behaviour import Behaviour
from precedent.providers.testing.wires import WIRES
from precedent.providers.tokens import TokenUsage
from precedent.settings import Settings
from precedent.tenants import policies
from tests.integration.calls.callers import QUESTION, Caller

TEXT = Capability.TEXT_GENERATION
# The question allows 500 tokens, and every answer takes them: 2 USD, whatever the prompt.
DEAR = {"input_per_million": 1, "output_per_million": 4000}
ANSWER, BUDGET = Decimal(2), Decimal(10)


@pytest.fixture
def caller(database: Database, tenant: str) -> Iterator[Caller]:
    caller = Caller(database, Settings.from_environment(), tenant)
    with caller.open:
        yield caller


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("behaviour", [Behaviour.CUT, Behaviour.PROSE, Behaviour.BAD_SCHEMA])
@pytest.mark.parametrize("driver", sorted(set(WIRES) - {"ollama"}))
def test_they_are_booked_and_never_overspend(caller: Caller, driver: str, behaviour: Behaviour, at_once: int) -> None:
    wire = type("Long", (WIRES[driver],), {"usage": TokenUsage(42, 500), "cost": None})()
    server = caller.serve(wire)
    endpoint = caller.add(
        "one",
        driver,
        TEXT,
        server,
        model=wire.models[TEXT],
        base_url=wire.base_url(server.url),
        options=wire.options(server.url),
        cost=DEAR,
        performance={"opens_after": 1000, "max_concurrency": at_once},
    )
    policies.save(caller.database, caller.id, None, {"monthly_budget_usd": BUDGET})
    server.behave(behaviour)
    client = caller.client(endpoint)

    def ask(_: int) -> FailureKind:
        with pytest.raises(ProviderError) as caught:
            client.generate(QUESTION)
        return caught.value.kind

    with ThreadPoolExecutor(at_once) as executor:
        kinds = set(executor.map(ask, range(20)))
    client.ledger.close()
    charged = ANSWER * len(server.calls)
    booked = sum((cost for (cost,) in caller.rows("cost_usd")), Decimal(0))
    assert kinds == {FailureKind.INVALID_ANSWER, FailureKind.BUDGET}
    assert charged == 8  # a fifth answer with its question does not fit into 10 USD any more
    assert charged <= booked <= charged + Decimal("0.01")  # the questions
    with caller.database.bulk(caller.id) as connection:
        assert connection.execute("SELECT count(*) FROM budget_reservations").fetchone() == (0,)
