"""What a call costs: the provider's own price, else what the gateway said, else genai-prices, else unknown.

An unknown price is None, never 0. Every figure carries its source and unit prices, so that history can be priced again.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from precedent.providers.base import Capability
from precedent.providers.config.options import CostOptions
from precedent.providers.tokens import TokenUsage

MILLION = Decimal(1_000_000)
ROUNDED = Decimal("1e-10")
FREE, ROW, GATEWAY, LIST = "free", "row", "gateway", "genai-prices"


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one call.

    Attributes:
        usd: None where it is not known.
        source: Where the figure comes from: `row`, `gateway`, `free` or `genai-prices`.
        per_input: USD per input token, where it is known.
        per_output: USD per output token.
        per_cached: USD per cached input token.
    """

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
        cost: The provider's own prices.
    """

    model: str
    price_id: str | None
    free: bool
    cost: CostOptions = field(default_factory=CostOptions)

    def price(self, usage: TokenUsage, reported: Decimal | None = None) -> Price:
        """The price of one call, never of a sum of calls: list prices have tiers.

        Args:
            usage: Its tokens.
            reported: What the provider itself says that it cost, in USD.
        """
        own = self._own(usage)
        if own is not None:
            return own
        if reported is not None:
            return Price(reported.quantize(ROUNDED), GATEWAY)
        if self.free:
            return Price(Decimal(0), FREE)
        return self._listed(usage)

    def _own(self, usage: TokenUsage) -> Price | None:
        cost = self.cost
        if not cost.model_fields_set:
            return None
        per_input, per_output = _per_token(cost.input_per_million), _per_token(cost.output_per_million)
        per_cached = per_input if cost.cached_per_million is None else _per_token(cost.cached_per_million)
        usd = (usage.input - usage.cached) * per_input + usage.cached * per_cached + usage.output * per_output
        return Price(usd.quantize(ROUNDED), ROW, per_input, per_output, per_cached)

    def _listed(self, usage: TokenUsage) -> Price:
        if not self.price_id:
            return Price(None)
        from genai_prices import Usage, calc_price

        try:
            cached = min(usage.cached, usage.input) or None
            used = Usage(input_tokens=usage.input, output_tokens=usage.output, cache_read_tokens=cached)
            found = calc_price(used, model_ref=self.model, provider_id=self.price_id)
        except (LookupError, ValueError):
            return Price(None)
        per_input = found.input_price / usage.input if usage.input else None
        per_output = found.output_price / usage.output if usage.output else None
        return Price(found.total_price.quantize(ROUNDED), LIST, _rounded(per_input), _rounded(per_output))

    def known(self, capability: Capability) -> bool:
        """True if calls can be priced before they are made."""
        probe = TokenUsage(1_000, 0 if capability is Capability.EMBEDDING else 100)
        return self.price(probe).usd is not None


def _per_token(per_million: float | None) -> Decimal:
    return Decimal(str(per_million or 0)) / MILLION


def _rounded(value: Decimal | None) -> Decimal | None:
    return value.quantize(ROUNDED) if value is not None else None
