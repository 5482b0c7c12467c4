"""A provider's figures, whatever they are: what is booked is never negative nor beyond the bounds."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from precedent.providers.billing.pricing import MOST_STORED, MOST_USD, Tariff, reported_usd
from precedent.providers.config.options import CostOptions
from precedent.providers.errors import FailureKind, ProviderError
from precedent.providers.runtime.ledger import Admission
from precedent.providers.runtime.settlement import Progress, Reply, Work, entry_of
from precedent.providers.tokens import MOST_TOKENS, TokenUsage
from tests.fuzz.cases import cases
from tests.fuzz.conftest import CALLS, Lab
from tests.fuzz.strategies.answers import FIGURES
from tests.fuzz.strategies.values import numbers, texts, values

figures = st.one_of(numbers, st.floats(), st.none(), st.booleans(), texts, values)
usages = st.builds(TokenUsage, figures, figures, figures)
costs = st.one_of(st.none(), st.decimals(), st.sampled_from(FIGURES).map(lambda said: reported_usd(said)))
prices = st.builds(
    CostOptions.model_construct,
    input_per_million=st.sampled_from([0, 0.15, 1e-9, 1e12]),
    output_per_million=st.sampled_from([0, 2.5, 1e12]),
)
tariffs = st.one_of(
    st.builds(
        Tariff,
        st.sampled_from(["gpt-5-mini", "text-embedding-3-small", "unknown"]),
        st.sampled_from(["openai", None]),
        st.booleans(),
    ),
    st.builds(Tariff, st.just("gpt-5-mini"), st.just("openai"), st.booleans(), prices),
)
attempts = st.one_of(
    st.builds(lambda usage, cost: Reply("answer", usage, cost), usages, costs),
    st.builds(
        lambda kind, usage, cost, arrived: ProviderError(kind, "It failed.", usage=usage, cost=cost, arrived=arrived),
        st.sampled_from(FailureKind),
        st.one_of(st.none(), usages),
        costs,
        st.booleans(),
    ),
)


@cases(100)
@given(st.integers(0, len(CALLS) - 1), st.lists(attempts, min_size=1, max_size=4), tariffs, st.integers(0, 10_000))
def test_figures_that_cannot_be_are_none(lab: Lab, number: int, made: list[object], tariff: Tariff, most: int) -> None:
    client = next(metered.client for place, metered in enumerate(lab.calls.values()) if place == number)
    bound = TokenUsage(most, most)
    progress = Progress()
    for attempt in made:
        progress.admitted(bound, Admission("go", 0.0, None, None))
        progress.begin()
        if isinstance(attempt, ProviderError):
            progress.failed(attempt)
        else:
            assert isinstance(attempt, Reply)
            progress.succeeded(attempt)
    failure = made[-1] if isinstance(made[-1], ProviderError) else None
    work: Work[str] = Work("generate", 1, 0, lambda: bound, lambda _: Reply("answer", bound, None))
    entry = entry_of(client.endpoint, client.context, work, progress, failure, tariff)
    for count in (entry.input_tokens, entry.output_tokens, entry.cached_tokens):
        assert isinstance(count, int)
        assert 0 <= count <= MOST_TOKENS * len(made)
    assert entry.cached_tokens <= entry.input_tokens
    for amount in (
        entry.cost_usd,
        entry.input_price_usd,
        entry.output_price_usd,
        entry.cached_price_usd,
        progress.due(tariff),
    ):
        assert amount is None or 0 <= amount < MOST_STORED
    # By what a provider reports no attempt costs more than is possible; its own price list may say more.
    if entry.cost_source == "gateway":
        assert entry.cost_usd is not None
        assert entry.cost_usd <= MOST_USD * len(made)


@cases(60)
@given(figures, figures, figures, st.one_of(figures, st.sampled_from(FIGURES)))
def test_reported_figures_are_bounded(known: object, written: object, cached: object, cost: object) -> None:
    found = TokenUsage.reported(known, written, cached)
    assert all(type(count) is int and 0 <= count <= MOST_TOKENS for count in (found.input, found.output, found.cached))
    amount = reported_usd(cost)
    assert amount is None or Decimal(0) <= amount <= MOST_USD
