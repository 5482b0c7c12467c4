"""What a call costs: the provider's own price, else what the gateway said, else genai-prices, else unknown.

An unknown price is None, never 0. Every figure carries its source and unit prices, so that history can be priced again.
"""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from precedent.providers.base import Capability
from precedent.providers.config.options import CostOptions
from precedent.providers.tokens import TokenUsage

MILLION = Decimal(1_000_000)
ROUNDED = Decimal("1e-10")
# No request costs more; a higher figure of a provider is none.
MOST_USD = Decimal(10_000)
# The ledger's columns end here.
MOST_STORED = Decimal(10) ** 8
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
            return Price(stored(reported), GATEWAY)
        if self.free:
            return Price(Decimal(0), FREE)
        return self._listed(usage)

    def _own(self, usage: TokenUsage) -> Price | None:
        """By the prices of the row; None where they lack one that this call needs: half a price is none.

        Of a driver that costs nothing by itself, what is not priced is free.
        """
        cost, free = self.cost, Decimal(0) if self.free else None
        per_input, per_output = _per_token(cost.input_per_million, free), _per_token(cost.output_per_million, free)
        per_cached = _per_token(cost.cached_per_million, per_input)
        parts = ((usage.input - usage.cached, per_input), (usage.cached, per_cached), (usage.output, per_output))
        if not cost.model_fields_set or any(tokens and price is None for tokens, price in parts):
            return None
        usd = stored(sum((tokens * price for tokens, price in parts if price is not None), Decimal(0)))
        return Price(usd, ROW, per_input, per_output, per_cached) if usd is not None else Price(None)

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
        return Price(stored(found.total_price), LIST, stored(per_input), stored(per_output))

    @property
    def costs_nothing(self) -> bool:
        """True if no call costs anything, whatever it takes."""
        return self.free and not self.cost.model_fields_set

    def known(self, capability: Capability) -> bool:
        """True if calls can be priced before they are made."""
        probe = TokenUsage(1_000, 0 if capability is Capability.EMBEDDING else 100)
        return self.price(probe).usd is not None


def reported_usd(value: object) -> Decimal | None:
    """What a provider says that one answer cost, in USD; None where that cannot be an amount."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= MOST_USD else None


def _per_token(per_million: float | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if per_million is None else Decimal(str(per_million)) / MILLION


def stored(value: Decimal | None) -> Decimal | None:
    """As the ledger stores it; None where it is no amount that the ledger can store."""
    if value is None or not value.is_finite() or not 0 <= value < MOST_STORED:
        return None
    return value.quantize(ROUNDED)
