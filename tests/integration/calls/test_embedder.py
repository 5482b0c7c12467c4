"""A tenant's embedder against servers on loopback: order, limits, fallback within a space, money, what may leave."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from precedent.database.models import IntelligenceProvider
from precedent.database.session import Database
from precedent.providers.runtime import routing
from precedent.providers.runtime.embedder import BudgetExhausted, Embedder
from precedent.providers.runtime.factory import open_embedder
from precedent.providers.runtime.ledger import CallContext
from precedent.providers.runtime.routing import Route
from precedent.providers.testing.behaviour import BAD_VECTORS, Behaviour, Step, vector_of
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OllamaWire
from precedent.settings import Settings
from precedent.sources import repository as catalog
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.vectors.embedding import EmbeddingError
from tests.integration.billing.metering import EMBEDDING, WIRE, Setting

MODEL = "nomic-embed-text"
TEXTS = [f"Text number {number} is about the connection pool." for number in range(10)]
PLANTED = "Key AKIAIOSFODNN7EXAMPLE, write to mira@harbor.example, hosts 10.20.30.40 and 2001:db8::17, pool exhausted."
MASKED = "Key [secret], write to [email], hosts [address] and [address], pool exhausted."


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[LoopbackServer, LoopbackServer, LoopbackServer]]:
    """Two external providers, by what their driver says, and one of the tenant's own."""
    with LoopbackServer(WIRE) as first, LoopbackServer(WIRE) as second, LoopbackServer(OllamaWire("")) as own:
        yield first, second, own


class Providers(Setting):
    """The tenant's rows, each falling back to the one before, and its embedder."""

    def __init__(self, database: Database, servers: tuple[LoopbackServer, ...], owner_dsn: str) -> None:
        super().__init__(database, servers[0], owner_dsn)
        self.first, self.second, self.own = servers
        for server in servers:
            server.behave()

    def add(
        self,
        name: str,
        *,
        fallback: int | None = None,
        server: LoopbackServer | None = None,
        driver: str = "openai",
        model: str = MODEL,
        dimensions: int = 8,
        active: bool = True,
        cost: float = 1,
        **performance: Any,
    ) -> int:
        used = server or self.first
        with self.database.tenant(self.tenant_id) as session:
            row = IntelligenceProvider(
                tenant_id=self.tenant_id,
                name=name,
                provider=driver,
                capability="embedding",
                model=model,
                base_url=used.url if driver == "ollama" else WIRE.base_url(used.url),
                is_active=active,
                model_config={"dimensions": dimensions},
                fallback_id=fallback,
                performance_config={"max_attempts": 1, "timeout_s": 5, **performance},
                cost_config={} if driver == "ollama" else {"input_per_million": cost},
            )
            session.add(row)
            session.flush()
            return row.id

    def open(self, source: str | None = None) -> Embedder:
        context = CallContext(self.tenant_id, "interactive", source=source)
        return open_embedder(self.database, Settings.from_environment(), context)

    def source(self, name: str, archive: Path) -> int:
        tenant = next(row.name for row in tenancy.list(self.database) if row.id == self.tenant_id)
        return catalog.add(self.database, tenant, name, "archive", {"path": str(archive)}).id

    def policy(self, source_id: int | None = None, **changes: Any) -> None:
        policies.save(self.database, self.tenant_id, source_id, changes)


@pytest.fixture
def providers(
    database: Database, servers: tuple[LoopbackServer, LoopbackServer, LoopbackServer], owner_dsn: str
) -> Iterator[Providers]:
    providers = Providers(database, servers, owner_dsn)
    yield providers
    providers.ledger.close()


def arrived(server: LoopbackServer) -> list[str]:
    """Every text that reached a server, in order."""
    return [text for request in server.requests for text in request.json["input"]]


def check_vectors(embedder: Embedder, texts: list[str] = TEXTS) -> None:
    np.testing.assert_allclose(embedder.embed(texts).vectors, [vector_of(text, 8) for text in texts], atol=1e-6)


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


@pytest.mark.parametrize("behaviour", BAD_VECTORS)
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
    assert served.cost == (Decimal("0.000070") if step.status else None)  # an answer that did not come has no price
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
    assert (served.by, served.cost) == ({"own": 1}, Decimal(0))
    assert served.reasons["one"].startswith("budget: ")
    # The second one that costs is not even considered, however cheap it may be.
    assert [(row["provider"], row["failure"]) for row in providers.rows()] == [("one", "budget"), ("own", None)]


def test_nothing_free_is_left(providers: Providers) -> None:
    providers.add("one", fallback=providers.add("two", server=providers.second, active=False))
    providers.policy(monthly_budget_usd=Decimal(0), on_exhausted="free")
    with pytest.raises(BudgetExhausted):
        providers.open().embed(TEXTS)
    assert (providers.first.requests, providers.second.requests) == ([], [])


def test_nothing_leaves_where_the_policy_forbids_it(providers: Providers) -> None:
    own = providers.add("own", server=providers.own, driver="ollama", active=False)
    providers.add("one", fallback=own)
    providers.policy(allow_external=False)
    embedder = providers.open()
    check_vectors(embedder, [PLANTED])
    assert (providers.first.requests, arrived(providers.own)) == ([], [PLANTED])
    assert embedder.served().reasons["one"].startswith("policy: ")


def test_a_source_of_its_own_policy_keeps_its_texts(providers: Providers, archive: Path) -> None:
    providers.add("one")
    providers.source("open", archive)
    providers.policy(providers.source("kept", archive), allow_external=False)
    with pytest.raises(EmbeddingError, match="policy of the source kept forbids"):
        providers.open("kept").embed(TEXTS)
    assert providers.first.requests == []
    check_vectors(providers.open("open"))
    check_vectors(providers.open(None))


@pytest.mark.parametrize("whose", ["tenant", "source"])
def test_texts_leave_masked_and_into_a_space_of_their_own(providers: Providers, archive: Path, whose: str) -> None:
    providers.add("one")
    before = providers.open()
    check_vectors(before, [PLANTED])
    assert arrived(providers.first) == [PLANTED]
    providers.policy(providers.source("masked", archive) if whose == "source" else None, mask=True)
    providers.first.behave()
    after = providers.open()
    vectors = after.embed([PLANTED, TEXTS[0]]).vectors
    assert arrived(providers.first) == [MASKED, TEXTS[0]]
    np.testing.assert_allclose(vectors[0], vector_of(MASKED, 8), atol=1e-6)
    assert before.profile != after.profile
    assert after.profile.preprocessing == f"{before.profile.preprocessing}/masked2"
    assert (before.served().masked, after.served().masked) == (0, 4)
    assert [row["masked"] for row in providers.rows()] == [0, 4]


def test_masked_and_unmasked_vectors_never_mix_in_a_chain(providers: Providers) -> None:
    providers.add("one", fallback=providers.add("own", server=providers.own, driver="ollama", active=False))
    providers.policy(mask=True)
    providers.first.script([Step(Behaviour.STATUS, status=500)])
    embedder = providers.open()
    embedder.embed([PLANTED])
    # The own endpoint needs no masking, but its vectors are compared with those of masked texts.
    assert arrived(providers.own) == [MASKED]
    assert embedder.profile.preprocessing.endswith("/masked2")


def test_what_stays_is_not_masked(providers: Providers) -> None:
    providers.add("own", server=providers.own, driver="ollama")
    providers.policy(mask=True)
    embedder = providers.open()
    check_vectors(embedder, [PLANTED])
    assert "masked" not in embedder.profile.preprocessing


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
