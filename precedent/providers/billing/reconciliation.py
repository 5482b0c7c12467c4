"""The ledger beside what a gateway itself says that calls cost; no text leaves for it, only sums of tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import psycopg
from dateutil.parser import isoparse
from dateutil.relativedelta import relativedelta

from precedent.database.session import Database
from precedent.errors import NotFoundError, PrecedentError, UsageError
from precedent.providers.billing.comparison import Comparison, Verdict
from precedent.providers.billing.usage import Period
from precedent.providers.classification import classify
from precedent.providers.config import repository
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.errors import ProviderError
from precedent.providers.runtime.endpoint import Endpoint, endpoint_of
from precedent.providers.runtime.open_drivers import open_driver
from precedent.providers.tokens import TokenUsage
from precedent.settings import Settings

GATEWAY = GatewayDriver.info.name
DURATION = re.compile(r"(\d{1,6})(s|m|h|d|w|mo)")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks", "mo": "months"}
BY_MODEL = """
SELECT model, count(*), sum(input_tokens)::bigint, sum(output_tokens)::bigint, sum(cached_tokens)::bigint,
  coalesce(sum(cost_usd), 0), count(*) FILTER (WHERE cost_usd IS NULL)
FROM usage_records
WHERE provider = %(provider)s AND driver = %(driver)s AND status = 'succeeded'
  AND created_at >= %(start)s AND created_at < %(end)s
GROUP BY model ORDER BY model
"""
# The key is charged for every answer, usable or not.
OF_KEY = """
SELECT coalesce(sum(cost_usd), 0), count(*) FILTER (WHERE cost_usd IS NULL) FROM usage_records
WHERE provider = ANY(%(providers)s) AND driver = %(driver)s
  AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s) AND created_at < %(end)s
"""


@dataclass(frozen=True, slots=True)
class ModelCost:
    """A model's successful calls of the period: `comparison` is with the gateway's price of their tokens."""

    model: str
    calls: int
    usage: TokenUsage
    unpriced_calls: int
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class KeyCost:
    """What the gateway charged a key since `since` (None: since it was made).

    The ledger's side is everything that the tenant's providers with this key and address cost in that time. What others
    do with the same key is on the gateway's side only, and its figure lags by some seconds.
    """

    spend_usd: Decimal
    max_budget_usd: Decimal | None
    since: datetime | None
    providers: tuple[str, ...]
    unpriced_calls: int
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One gateway beside the ledger.

    Attributes:
        provider: The provider's name.
        reachable: Whether it gave any answer over HTTP.
        models: By model of the period.
        calculated: The models that the gateway priced, together.
        key: What it says of its key, where it does.
        notes: What it did not offer, and why.
    """

    provider: str
    reachable: bool
    models: tuple[ModelCost, ...] = ()
    calculated: Comparison = field(default_factory=lambda: Comparison(None, None))
    key: KeyCost | None = None
    notes: tuple[str, ...] = ()

    @property
    def basis(self) -> str | None:
        """What the verdict goes by: the calls of the period where the gateway prices them, else its key."""
        if self.calculated.gateway_usd is not None:
            return "the price of its calls"
        return "what its key was charged" if self.key is not None else None

    @property
    def verdict(self) -> Verdict:
        """Whether the ledger and the gateway agree."""
        if self.key is not None and self.calculated.gateway_usd is None:
            return self.key.comparison.verdict
        return self.calculated.verdict


def reconcile(
    database: Database, settings: Settings, tenant_id: int, period: Period, provider: str | None = None
) -> list[Reconciliation]:
    """Ask every gateway of a tenant, active or not, what its calls cost, and compare.

    Args:
        database: The platform's.
        settings: Where the keys for credentials are.
        tenant_id: Whose gateways.
        period: Which calls of the ledger are compared.
        provider: Only the gateway of this name.

    Raises:
        NotFoundError: no such provider.
        UsageError: the provider is not a gateway, or cannot be used as it is configured.
    """
    endpoints = _gateways(database, tenant_id, provider)
    keys = {endpoint.name: _key(endpoint, settings) for endpoint in endpoints}
    found = []
    for endpoint in endpoints:
        if provider in (None, endpoint.name):
            same = tuple(name for name, key in keys.items() if key == keys[endpoint.name])
            found.append(_one(database, settings, endpoint, same, period))
    return found


def _one(
    database: Database, settings: Settings, endpoint: Endpoint, same_key: tuple[str, ...], period: Period
) -> Reconciliation:
    notes: list[str] = []
    try:
        driver = open_driver(endpoint, settings)
    except PrecedentError as error:
        return Reconciliation(endpoint.name, False, notes=(str(error),))
    if not isinstance(driver, GatewayDriver):  # another distribution may have taken the name
        return Reconciliation(endpoint.name, True, notes=("Its driver has no interface for costs.",))
    try:
        info = _info(driver)
        notes += [] if info else ["/key/info is not offered to this key."]
    except ProviderError as error:
        if error.status is None:
            return Reconciliation(endpoint.name, False, notes=(f"It is unreachable: {error}",))
        info = None
        notes.append(f"/key/info is not offered: {error}")
    with database.bulk(endpoint.tenant_id) as connection:
        values = {"provider": endpoint.name, "driver": GATEWAY, "start": period.start, "end": period.end}
        rows = connection.execute(BY_MODEL, values).fetchall()
        key = _key_cost(connection, info, same_key, period.end) if info else None
    models = tuple(_model_cost(driver, endpoint, row, notes) for row in rows)
    if not models:
        notes.append("The ledger has no successful call of it in this range.")
    return Reconciliation(endpoint.name, True, models, _together(models), key, tuple(notes))


def _model_cost(driver: GatewayDriver, endpoint: Endpoint, row: tuple[Any, ...], notes: list[str]) -> ModelCost:
    model, calls, tokens_in, tokens_out, cached, cost, unpriced = row
    usage = TokenUsage(tokens_in, tokens_out, cached)
    try:
        price = _calculated(driver, endpoint, model, usage)
        notes += [] if price is not None else [f"/spend/calculate is not offered, or does not know {model}."]
    except ProviderError as error:
        price = None
        notes.append(f"/spend/calculate failed for {model}: {error}")
    return ModelCost(model, calls, usage, unpriced, Comparison(None if unpriced == calls else cost, price))


def _together(models: Sequence[ModelCost]) -> Comparison:
    """The models that the gateway priced; nothing where it priced none."""
    pairs = [(m.comparison.ledger_usd, m.comparison.gateway_usd) for m in models]
    priced = [(ledger, price) for ledger, price in pairs if price is not None]
    if not priced:
        return Comparison(None, None)
    known = [ledger for ledger, _ in priced if ledger is not None]
    return Comparison(sum(known, Decimal(0)) if known else None, sum((price for _, price in priced), Decimal(0)))


def _key_cost(
    connection: "psycopg.Connection[Any]", info: dict[str, Any], providers: tuple[str, ...], end: datetime
) -> KeyCost | None:
    spend = _amount(info.get("spend"))
    if spend is None:
        return None
    since = _since(info)
    values = {"providers": list(providers), "driver": GATEWAY, "since": since, "end": end}
    cost, unpriced = connection.execute(OF_KEY, values).fetchone() or (Decimal(0), 0)
    ledger = None if unpriced and not cost else cost
    return KeyCost(spend, _amount(info.get("max_budget")), since, providers, unpriced, Comparison(ledger, spend))


def _since(info: dict[str, Any]) -> datetime | None:
    """When the gateway last began to count: the key's budget is reset after each `budget_duration`."""
    found = DURATION.fullmatch(str(info.get("budget_duration") or ""))
    try:
        reset = isoparse(str(info.get("budget_reset_at") or ""))
    except ValueError:
        return None
    if not found:
        return None
    reset = reset if reset.tzinfo else reset.replace(tzinfo=UTC)
    # LiteLLM lets a budget of 30 days begin with the month.
    monthly = found[0] == "30d" and reset.day == 1
    number, unit = (1, "mo") if monthly else (int(found[1]), found[2])
    try:
        return reset - relativedelta(**{UNITS[unit]: number})  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        return None


def _info(driver: GatewayDriver) -> dict[str, Any] | None:
    try:
        answer = driver.key_info()
    except Exception as error:
        raise classify(error) from None
    info = (answer or {}).get("info")
    return info if isinstance(info, dict) else None


def _calculated(driver: GatewayDriver, endpoint: Endpoint, model: str, usage: TokenUsage) -> Decimal | None:
    """The gateway's price; by the name in price lists first, because it does not know its own aliases there."""
    provider = endpoint.provider
    listed = provider.options.price_model if model == provider.model else None
    try:
        for name in [listed, model] if listed else [model]:
            cost = driver.calculated_cost(name, usage)
            if cost is not None:
                return cost
    except Exception as error:
        raise classify(error) from None
    return None


def _gateways(database: Database, tenant_id: int, provider: str | None) -> list[Endpoint]:
    found = {stored.provider.name: stored for stored in repository.list(database, tenant_id)}
    gateways = {name: stored for name, stored in found.items() if stored.provider.driver == GATEWAY}
    if provider is not None and provider not in found:
        known = ", ".join(gateways) or "none yet"
        raise NotFoundError(f"There is no provider {provider!r}: choose from the gateways {known}.")
    if provider is not None and provider not in gateways:
        driver = found[provider].provider.driver
        raise UsageError(f"{provider} has the driver {driver}: only a gateway can be asked what calls cost.")
    return [endpoint_of(stored) for stored in gateways.values()]


def _key(endpoint: Endpoint, settings: Settings) -> tuple[str, str]:
    """Equal for providers that share a key at one address."""
    try:
        return (endpoint.provider.base_url or "").rstrip("/"), endpoint.credentials(settings).get("api_key", "")
    except PrecedentError:
        return endpoint.name, ""  # opening its driver says why


def _amount(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
