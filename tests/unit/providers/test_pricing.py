from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.billing.pricing import Price, Tariff, reported_usd
from precedent.providers.config.options import CostOptions
from precedent.providers.config.provider import checked
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.drivers.ollama import OllamaDriver
from precedent.providers.drivers.openai import AzureOpenAIDriver, OpenAIDriver
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.tokens import TokenUsage
from tests.endpoints import endpoint

TEXT = Capability.TEXT_GENERATION
USAGE = TokenUsage(1_000_000, 100_000, 200_000)
COSTS: dict[str, Any] = {"input_per_million": 2, "output_per_million": 10, "cached_per_million": 0.5}
amounts = st.decimals(0, 1000, places=4)
tokens = st.integers(0, 10**9)


def tariff(model: str = "gpt-6-luna", price_id: str | None = "openai", *, free: bool = False, **cost: Any) -> Tariff:
    return Tariff(model, price_id, free, CostOptions(**cost))


def test_the_price_of_the_row_comes_before_all_others() -> None:
    found = tariff(free=True, **COSTS).price(USAGE, Decimal("0.01"))
    assert (found.usd, found.source) == (Decimal("2.7"), "row")  # 0.8 at 2, 0.2 at 0.5, 0.1 at 10
    assert (found.per_input, found.per_output, found.per_cached) == (
        Decimal("0.000002"),
        Decimal("0.00001"),
        Decimal("0.0000005"),
    )


def test_cached_tokens_cost_as_others_where_the_row_says_nothing_of_them() -> None:
    prices: dict[str, Any] = {"input_per_million": 1, "output_per_million": 0}
    assert tariff(**prices).price(USAGE).usd == 1
    assert tariff(**prices).price(USAGE) == Price(Decimal(1), "row", Decimal("1e-6"), Decimal(0), Decimal("1e-6"))


@pytest.mark.parametrize("half", ["input_per_million", "output_per_million", "cached_per_million"])
def test_a_price_for_one_half_prices_no_call_that_has_both(half: str) -> None:
    one = tariff("a-model-of-nobody", **{half: 1})
    assert one.price(USAGE) == Price(None)
    assert not one.known(TEXT)
    assert one.price(USAGE, Decimal("0.5")) == Price(Decimal("0.5"), "gateway")
    assert tariff(**{half: 1}).price(USAGE).source == "genai-prices"


def test_a_price_for_input_is_enough_for_embeddings() -> None:
    only_input = tariff("a-model-of-nobody", input_per_million=1)
    assert only_input.price(TokenUsage(1_000_000)).usd == 1
    assert only_input.known(Capability.EMBEDDING)


def test_a_price_that_the_ledger_cannot_store_is_none() -> None:
    assert tariff(input_per_million=1e300, output_per_million=1).price(USAGE) == Price(None)
    assert reported_usd("0.25") == Decimal("0.25")
    assert [reported_usd(said) for said in ("NaN", "-1", "1e400", "x", "20000")] == [None] * 5


@pytest.mark.parametrize("odd", [-1, 10**30, 1e30, float("nan"), float("inf"), "7", True, 1.5, {}])
def test_counts_that_cannot_be_are_none(odd: object) -> None:
    assert TokenUsage.reported(odd, 17) == TokenUsage()
    assert TokenUsage.reported(42, odd) == TokenUsage()
    assert TokenUsage.reported(42, 17, odd).output == 17
    assert TokenUsage.reported(None, 17.0, None) == TokenUsage(0, 17)


def test_then_what_the_gateway_says_then_nothing_then_the_list() -> None:
    assert tariff(free=True).price(USAGE, Decimal("0.00001")) == Price(Decimal("0.00001"), "gateway")
    assert tariff(free=True).price(USAGE) == Price(Decimal(0), "free")
    listed = tariff().price(TokenUsage(100_000, 10_000))
    assert (listed.source, listed.usd) == ("genai-prices", Decimal("0.015"))  # 0.10 and 0.50 per million
    assert (listed.per_input, listed.per_output) == (Decimal("1e-7"), Decimal("5e-7"))


def test_a_call_is_priced_by_itself_because_lists_have_tiers() -> None:
    small, large = (tariff().price(TokenUsage(used)).usd for used in (100_000, 1_000_000))
    assert small is not None
    assert large is not None
    assert large > 10 * small


def test_an_unknown_price_is_none_and_never_nothing() -> None:
    for unknown in (tariff("a-model-of-nobody"), tariff(price_id=None), tariff(price_id="nobody")):
        assert unknown.price(USAGE) == Price(None)
        assert not unknown.known(TEXT)


def test_embeddings_have_a_price_without_output() -> None:
    assert tariff("mistral-embed", "mistral").price(TokenUsage(1_000_000)).usd == Decimal("0.1")
    assert tariff("text-embedding-3-small").price(TokenUsage(1_000_000)).usd == Decimal("0.02")
    assert tariff("mistral-embed", "mistral").known(Capability.EMBEDDING)


def test_cached_tokens_are_cheaper_by_the_list() -> None:
    plain, cached = (tariff().price(TokenUsage(100_000, 0, part)).usd for part in (0, 100_000))
    assert plain is not None
    assert cached is not None
    assert 0 < cached < plain


def test_nothing_used_costs_nothing() -> None:
    assert [one.price(TokenUsage()).usd for one in (tariff(), tariff(**COSTS), tariff(free=True))] == [0, 0, 0]


@given(amounts, amounts, amounts, tokens, tokens, st.floats(0, 1))
def test_the_price_of_the_row_is_exact(
    per_input: Decimal, per_output: Decimal, per_cached: Decimal, used: int, written: int, share: float
) -> None:
    cached = int(used * share)
    costs: dict[str, Any] = {
        "input_per_million": float(per_input),
        "output_per_million": float(per_output),
        "cached_per_million": float(per_cached),
    }
    found = tariff(**costs).price(TokenUsage(used, written, cached)).usd
    exact = ((used - cached) * per_input + cached * per_cached + written * per_output) / 1_000_000
    assert found is not None
    assert abs(found - exact) <= Decimal("1e-10")


def called(driver: type[OpenAIDriver], base_url: str | None = None, **options: Any) -> Endpoint:
    return endpoint(driver, model="openai/gpt-6-luna", base_url=base_url, options=options)


def test_list_prices_hold_at_the_vendors_address_only() -> None:
    assert called(OpenAIDriver).tariff.known(TEXT)
    assert called(OpenAIDriver, "https://api.openai.com/v1/").tariff.known(TEXT)
    assert not called(OpenAIDriver, "https://proxy.example/v1").tariff.known(TEXT)
    assert called(OpenAIDriver, "https://proxy.example/v1", price_model="gpt-6-luna").tariff.known(TEXT)
    assert not called(GatewayDriver, "https://proxy.example/v1").tariff.known(TEXT)


def test_a_deployment_is_priced_by_the_model_that_it_serves() -> None:
    deployment = {"model": "our-writer", "base_url": "https://x.openai.azure.com"}
    assert not endpoint(AzureOpenAIDriver, **deployment).tariff.known(TEXT)
    priced = endpoint(AzureOpenAIDriver, **deployment, options={"price_model": "gpt-4o-mini"})
    assert priced.tariff.known(TEXT)


def test_a_model_of_ones_own_machine_is_free() -> None:
    own = endpoint(OllamaDriver, model="llama3.2", base_url="http://127.0.0.1:11434")
    assert own.tariff.price(USAGE) == Price(Decimal(0), "free")
    priced = endpoint(OllamaDriver, model="llama3.2", cost={"input_per_million": 1})
    assert priced.tariff.price(USAGE).usd == 1


def test_a_rows_prices_are_checked() -> None:
    provider = {"name": "one", "driver": "gateway", "capability": "text_generation", "model": "m"}
    assert checked({**provider, "cost": {"input_per_million": "0.25"}}).cost.input_per_million == 0.25
    with pytest.raises(UsageError, match="no field 'input' in cost: choose from input_per_million"):
        checked({**provider, "cost": {"input": 1}})
    for value in ("cheap", "-1", "NaN", "inf", None):
        with pytest.raises(UsageError, match="must be an amount"):
            checked({**provider, "cost": {"output_per_million": value}})
