"""A tenant's embedder against servers on loopback: order, limits, fallback within a space, money."""

from decimal import Decimal
from typing import Any

import pytest

from precedent.database.models import IntelligenceProvider
from precedent.providers.errors import OtherDimensions
from precedent.providers.runtime import routing
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.providers.runtime.routing import Route
from precedent.providers.testing.behaviour import BAD_VECTORS, Behaviour, Step
from precedent.vectors.embedding import EmbeddingError
from tests.integration.billing.metering import EMBEDDING
from tests.integration.calls.embedding_chain import MODEL, TEXTS, Providers, arrived, check_vectors

pytest_plugins = ["tests.integration.calls.embedding_chain"]


def test_too_many_inputs_are_halved_and_stay_in_order(providers: Providers) -> None:
    providers.add("one")
    providers.first.behave(Behaviour.TOO_MANY_INPUTS, limit=3)
    check_vectors(providers.open())
    assert [len(request.json["input"]) for request in providers.first.requests] == [10, 5, 2, 3, 5, 2, 3]
    assert [(row["inputs"], row["failure"]) for row in providers.rows()] == [
        (10, "too_large"),
        (5, "too_large"),
        (2, None),
        (3, None),
        (5, "too_large"),
        (2, None),
        (3, None),
    ]


def test_batches_keep_within_the_limits_and_in_order(providers: Providers) -> None:
    providers.add("one", batch_inputs=4, max_concurrency=3)
    check_vectors(providers.open())
    assert sorted(len(request.json["input"]) for request in providers.first.requests) == [2, 4, 4]
    providers.first.behave()
    each = -(-len(TEXTS[0].encode()) // 3)
    with providers.database.tenant(providers.tenant_id) as session:
        row = session.query(IntelligenceProvider).filter_by(name="one").one()
        row.performance_config = {"batch_tokens": 3 * each + 1}
        row.revision += 1
    check_vectors(providers.open())
    assert sorted(len(request.json["input"]) for request in providers.first.requests) == [1, 3, 3, 3]


def test_shuffled_vectors_are_put_in_order(providers: Providers) -> None:
    providers.add("one")
    providers.first.behave(Behaviour.SHUFFLED)
    check_vectors(providers.open())


@pytest.mark.parametrize("behaviour", [one for one in BAD_VECTORS if one is not Behaviour.WRONG_DIMENSION])
def test_bad_vectors_are_never_returned(providers: Providers, behaviour: Behaviour) -> None:
    providers.add("one", fallback=providers.add("two", server=providers.second, active=False))
    for server in (providers.first, providers.second):
        server.behave(behaviour)
    with pytest.raises(EmbeddingError) as caught:
        providers.open().embed(TEXTS)
    assert caught.value.texts_at_fault
    assert [row["failure"] for row in providers.rows()] == ["invalid_answer"] * 2
    providers.second.behave()
    check_vectors(providers.open())


def test_vectors_of_another_dimension_end_the_work_with_what_to_do(providers: Providers) -> None:
    providers.add("one", fallback=providers.add("two", server=providers.second, active=False))
    for server in (providers.first, providers.second):
        server.behave(Behaviour.WRONG_DIMENSION)
    with pytest.raises(OtherDimensions, match=r"gives vectors of 9 dimensions, and 8 are configured: set --option dim"):
        providers.open().embed(TEXTS)
    found = providers.open().embed_each(TEXTS, None, lambda *_: None)
    assert isinstance(found.stopped, OtherDimensions)
    assert not found.failures, "no text is at fault"
    providers.second.behave()
    check_vectors(providers.open())


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(Behaviour.STATUS, status=500), "unavailable: HTTP 500"),
        (Step(Behaviour.STATUS, status=429), "rate_limited: HTTP 429"),
        (Step(Behaviour.STATUS, status=401), "authentication: HTTP 401"),
        (Step(Behaviour.SLOW), "timeout: "),
        (Step(Behaviour.RESET), "connection: "),
    ],
    ids=lambda value: f"{value.behaviour}{value.status or ''}" if isinstance(value, Step) else "",
)
def test_another_endpoint_of_the_same_model_serves(providers: Providers, step: Step, reason: str) -> None:
    second = providers.add("two", server=providers.second, active=False, model=f"vendor/{MODEL}")
    providers.add("one", fallback=second, timeout_s=0.3)
    providers.first.script([step])
    embedder = providers.open()
    check_vectors(embedder)
    served = embedder.served()
    assert (served.asked, served.by, list(served.reasons)) == ("one", {"two": 1}, ["one"])
    assert served.reasons["one"].startswith(reason)
    costs = [row["cost_usd"] for row in providers.rows()]
    assert costs == [Decimal(0) if step.status else None, Decimal("0.000070")]  # what did not come has no price
    assert embedder.profile == providers.open().profile


@pytest.mark.parametrize("other", [{"model": "mxbai-embed-large"}, {"dimensions": 16}], ids=["model", "dimensions"])
def test_an_endpoint_of_another_space_is_never_asked(providers: Providers, other: dict[str, Any]) -> None:
    providers.add("one", fallback=providers.add("two", server=providers.second, active=False, **other))
    providers.first.script([Step(Behaviour.STATUS, status=500)])
    with pytest.raises(EmbeddingError) as caught:
        providers.open().embed(TEXTS)
    assert not caught.value.texts_at_fault
    assert (len(providers.first.requests), providers.second.requests) == (1, [])


def test_an_exhausted_budget_stops(providers: Providers) -> None:
    own = providers.add("own", server=providers.own, driver="ollama", active=False)
    providers.add("one", fallback=own)
    providers.policy(monthly_budget_usd=Decimal("0.0002"))
    embedder = providers.open()
    embedder.embed(["x" * 300])  # estimated at 100 tokens, 7 by the server's count
    with pytest.raises(BudgetExhausted, match="used up"):
        embedder.embed(["x" * 600])
    assert (len(providers.first.requests), providers.own.requests) == (1, [])
    assert [(row["status"], row["failure"]) for row in providers.rows()] == [("succeeded", None), ("refused", "budget")]


def test_an_exhausted_budget_goes_on_for_free(providers: Providers) -> None:
    own = providers.add("own", server=providers.own, driver="ollama", active=False)
    paid = providers.add("two", server=providers.second, active=False, fallback=own)
    providers.add("one", fallback=paid)
    providers.policy(monthly_budget_usd=Decimal(0), on_exhausted="free")
    embedder = providers.open()
    check_vectors(embedder)
    assert (providers.first.requests, providers.second.requests, arrived(providers.own)) == ([], [], TEXTS)
    served = embedder.served()
    assert served.by == {"own": 1}
    assert served.reasons["one"].startswith("budget: ")
    # The second one that costs is not even considered, however cheap it may be.
    assert [(row["provider"], row["failure"]) for row in providers.rows()] == [("one", "budget"), ("own", None)]


def test_nothing_free_is_left(providers: Providers) -> None:
    providers.add("one", fallback=providers.add("two", server=providers.second, active=False))
    providers.policy(monthly_budget_usd=Decimal(0), on_exhausted="free")
    with pytest.raises(BudgetExhausted):
        providers.open().embed(TEXTS)
    assert (providers.first.requests, providers.second.requests) == ([], [])


def test_auto_asks_the_cheapest_that_is_well(providers: Providers) -> None:
    cheap = providers.add("two", server=providers.second, active=False, cost=0.5)
    providers.add("one", fallback=cheap, cost=2)
    routing.save(providers.database, providers.tenant_id, EMBEDDING, Route.INTERACTIVE, "auto", [])
    check_vectors(providers.open())
    assert (len(providers.first.requests), len(providers.second.requests)) == (0, 1)
    providers.second.script([Step(Behaviour.STATUS, status=401)])
    for _ in range(2):
        check_vectors(providers.open())
    assert (len(providers.first.requests), len(providers.second.requests)) == (2, 1)
    assert providers.open().served().asked == "one"
    routing.save(providers.database, providers.tenant_id, EMBEDDING, Route.INTERACTIVE, "prefer", ["two"])
    assert providers.open().served().asked == "two"
