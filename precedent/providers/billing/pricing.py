"""What a call costs: the row's own price, else what the gateway said, else genai-prices, else unknown.

An unknown price is None, never 0. Every figure carries its source and unit prices, so that history can be priced again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from precedent.errors import UsageError
from precedent.providers.base import Capability, TokenUsage

MILLION = Decimal(1_000_000)
ROUNDED = Decimal("1e-10")
FREE, ROW, GATEWAY, LIST = "free", "row", "gateway", "genai-prices"
COST_FIELDS = ("input_per_million", "output_per_million", "cached_per_million")


@dataclass(frozen=True, slots=True)
class Price:
    """USD of one call, where the figure comes from, and USD per token where that is known."""

    usd: Decimal | None
    source: str | None = None
    per_input: Decimal | None = None
    per_output: Decimal | None = None
    per_cached: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """How a provider's calls are priced.

    Attributes:
        model: The model by the name that genai-prices knows.
        price_id: genai-prices' name of the provider, or None.
        free: Whether calls cost nothing.
        cost_config: The row's own prices in USD per million tokens.
    """

    model: str
    price_id: str | None
    free: bool
    cost_config: Mapping[str, Any]

    def price(self, usage: TokenUsage, reported: Decimal | None = None) -> Price:
        """The price of one call; of a single call, never of a sum, because list prices have tiers."""
        own = self._own(usage)
        if own is not None:
            return own
        if reported is not None:
            return Price(reported.quantize(ROUNDED), GATEWAY)
        if self.free:
            return Price(Decimal(0), FREE)
        return self._listed(usage)

    def _own(self, usage: TokenUsage) -> Price | None:
        if not any(name in self.cost_config for name in COST_FIELDS):
            return None
        each = {name: Decimal(str(self.cost_config.get(name, 0))) / MILLION for name in COST_FIELDS}
        per_input, per_output = each["input_per_million"], each["output_per_million"]
        per_cached = each["cached_per_million"] if "cached_per_million" in self.cost_config else per_input
        usd = (usage.input - usage.cached) * per_input + usage.cached * per_cached + usage.output * per_output
        return Price(usd.quantize(ROUNDED), ROW, per_input, per_output, per_cached)

    def _listed(self, usage: TokenUsage) -> Price:
        if not self.price_id:
            return Price(None)
        from genai_prices import Usage, calc_price

        try:
            found = calc_price(
                Usage(
                    input_tokens=usage.input, output_tokens=usage.output,
                    cache_read_tokens=min(usage.cached, usage.input) or None,
                ),
                model_ref=self.model, provider_id=self.price_id,
            )  # fmt: skip
        except (LookupError, ValueError):
            return Price(None)
        per_input = found.input_price / usage.input if usage.input else None
        per_output = found.output_price / usage.output if usage.output else None
        return Price(found.total_price.quantize(ROUNDED), LIST, _rounded(per_input), _rounded(per_output))

    def known(self, capability: Capability) -> bool:
        """Whether calls can be priced before they are made."""
        probe = TokenUsage(1_000, 0 if capability is Capability.EMBEDDING else 100)
        return self.price(probe).usd is not None


def checked_cost_config(values: Mapping[str, Any]) -> dict[str, float]:
    """A row's own prices, if they are ones.

    Raises:
        UsageError: an unknown name, or a value that is no amount.
    """
    for name, value in values.items():
        if name not in COST_FIELDS:
            raise UsageError(f"There is no price {name!r}: choose from {', '.join(COST_FIELDS)} (USD).")
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            raise UsageError(f"{name} must be an amount of USD per million tokens, not {value!r}.")
    return {name: float(value) for name, value in values.items()}


def _rounded(value: Decimal | None) -> Decimal | None:
    return value.quantize(ROUNDED) if value is not None else None
