"""The ledger beside what a gateway itself says that calls cost; no text leaves for it, only sums of tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

import psycopg
from dateutil.parser import isoparse
from dateutil.relativedelta import relativedelta
from sqlalchemy import select

from precedent.database.models import IntelligenceProvider
from precedent.database.session import Database
from precedent.errors import NotFoundError, PrecedentError, UsageError
from precedent.providers.base import TokenUsage
from precedent.providers.billing.usage import Period
from precedent.providers.drivers.gateway import GatewayDriver
from precedent.providers.errors import ProviderError, classify
from precedent.providers.runtime.endpoint import Target, open_driver, target_of
from precedent.settings import Settings

GATEWAY = GatewayDriver.info.name
TOLERANCE = Decimal("0.01")
CENTS = Decimal("0.01")
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


class Verdict(StrEnum):
    """What a comparison says; `agrees` is within one per cent."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ledger's figure beside the gateway's, in USD; None where one of them has none."""

    ledger_usd: Decimal | None
    gateway_usd: Decimal | None

    @property
    def difference_usd(self) -> Decimal | None:
        """What the ledger has more than the gateway."""
        if self.ledger_usd is None or self.gateway_usd is None:
            return None
        return self.ledger_usd - self.gateway_usd

    @property
    def difference_percent(self) -> Decimal | None:
        """The same in per cent of the gateway's figure; None where that is nothing and the ledger's is not."""
        difference = self.difference_usd
        if difference is None or not self.gateway_usd:
            return Decimal("0.00") if difference == 0 else None
        return (100 * difference / self.gateway_usd).quantize(CENTS)

    @property
    def verdict(self) -> Verdict:
        """Whether they agree."""
        if self.gateway_usd is None:
            return Verdict.NOT_OFFERED
        difference = self.difference_usd
        close = difference is not None and abs(difference) <= TOLERANCE * self.gateway_usd
        return Verdict.AGREES if close else Verdict.DIFFERS


@dataclass(frozen=True, slots=True)
class OfModel:
    """A model's successful calls of the period: `comparison` is with the gateway's price of their tokens."""

    model: str
    calls: int
    usage: TokenUsage
    unpriced_calls: int
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class OfKey:
    """What the gateway charged a key since `since` (None: since it was made).

    The ledger's side is everything that the tenant's rows with this key and address cost in that time. What others
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
        provider: The row's name.
        reachable: Whether it gave any answer over HTTP.
        models: By model of the period.
        calculated: The models that the gateway priced, together.
        key: What it says of its key, where it does.
        notes: What it did not offer, and why.
    """

    provider: str
    reachable: bool
    models: tuple[OfModel, ...] = ()
    calculated: Comparison = field(default_factory=lambda: Comparison(None, None))
    key: OfKey | None = None
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

    Raises:
        NotFoundError: no such provider.
        UsageError: it is no gateway, or its row cannot be read.
    """
    targets = _gateways(database, tenant_id, provider)
    keys = {target.name: _key(target, settings) for target in targets}
    found = []
    for target in targets if provider is None else [t for t in targets if t.name == provider]:
        same = tuple(name for name, key in keys.items() if key == keys[target.name])
        found.append(_one(database, settings, target, same, period))
    return found


def _one(
    database: Database, settings: Settings, target: Target, same_key: tuple[str, ...], period: Period
) -> Reconciliation:
    notes: list[str] = []
    try:
        driver = open_driver(target, settings)
    except PrecedentError as error:
        return Reconciliation(target.name, False, notes=(str(error),))
    if not isinstance(driver, GatewayDriver):  # another distribution may have taken the name
        return Reconciliation(target.name, True, notes=("Its driver has no interface for costs.",))
    try:
        info = _info(driver)
        notes += [] if info else ["/key/info is not offered to this key."]
    except ProviderError as error:
        if error.status is None:
            return Reconciliation(target.name, False, notes=(f"It is unreachable: {error}",))
        info = None
        notes.append(f"/key/info is not offered: {error}")
    with database.bulk(target.tenant_id) as connection:
        values = {"provider": target.name, "driver": GATEWAY, "start": period.start, "end": period.end}
        rows = connection.execute(BY_MODEL, values).fetchall()
        key = _of_key(connection, info, same_key, period.end) if info else None
    models = tuple(_of_model(driver, target, row, notes) for row in rows)
    if not models:
        notes.append("The ledger has no successful call of it in this range.")
    return Reconciliation(target.name, True, models, _together(models), key, tuple(notes))


def _of_model(driver: GatewayDriver, target: Target, row: tuple[Any, ...], notes: list[str]) -> OfModel:
    model, calls, tokens_in, tokens_out, cached, cost, unpriced = row
    usage = TokenUsage(tokens_in, tokens_out, cached)
    try:
        price = _calculated(driver, target, model, usage)
        notes += [] if price is not None else [f"/spend/calculate is not offered, or does not know {model}."]
    except ProviderError as error:
        price = None
        notes.append(f"/spend/calculate failed for {model}: {error}")
    return OfModel(model, calls, usage, unpriced, Comparison(None if unpriced == calls else cost, price))


def _together(models: Sequence[OfModel]) -> Comparison:
    """The models that the gateway priced; nothing where it priced none."""
    pairs = [(m.comparison.ledger_usd, m.comparison.gateway_usd) for m in models]
    priced = [(ledger, price) for ledger, price in pairs if price is not None]
    if not priced:
        return Comparison(None, None)
    known = [ledger for ledger, _ in priced if ledger is not None]
    return Comparison(sum(known, Decimal(0)) if known else None, sum((price for _, price in priced), Decimal(0)))


def _of_key(
    connection: "psycopg.Connection[Any]", info: dict[str, Any], providers: tuple[str, ...], end: datetime
) -> OfKey | None:
    spend = _amount(info.get("spend"))
    if spend is None:
        return None
    since = _since(info)
    values = {"providers": list(providers), "driver": GATEWAY, "since": since, "end": end}
    cost, unpriced = connection.execute(OF_KEY, values).fetchone() or (Decimal(0), 0)
    ledger = None if unpriced and not cost else cost
    return OfKey(spend, _amount(info.get("max_budget")), since, providers, unpriced, Comparison(ledger, spend))


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


def _calculated(driver: GatewayDriver, target: Target, model: str, usage: TokenUsage) -> Decimal | None:
    """The gateway's price; by the name in price lists first, because it does not know its own aliases there."""
    listed = target.options.price_model if model == target.model else None
    try:
        for name in [listed, model] if listed else [model]:
            cost = driver.calculated_cost(name, usage)
            if cost is not None:
                return cost
    except Exception as error:
        raise classify(error) from None
    return None


def _gateways(database: Database, tenant_id: int, provider: str | None) -> list[Target]:
    with database.tenant(tenant_id) as session:
        rows = session.scalars(select(IntelligenceProvider).order_by(IntelligenceProvider.name)).all()
        named = next((row for row in rows if row.name == provider), None)
        if provider is not None and named is None:
            known = ", ".join(row.name for row in rows if row.provider == GATEWAY) or "none yet"
            raise NotFoundError(f"There is no provider {provider!r}: choose from the gateways {known}.")
        if named is not None and named.provider != GATEWAY:
            raise UsageError(
                f"{provider} has the driver {named.provider}: only a gateway can be asked what calls cost."
            )
        return [target_of(row) for row in rows if row.provider == GATEWAY]


def _key(target: Target, settings: Settings) -> tuple[str, str]:
    """Equal for rows that share a key at one address."""
    try:
        return (target.base_url or "").rstrip("/"), target.credentials(settings).get("api_key", "")
    except PrecedentError:
        return target.name, ""  # opening its driver says why


def _amount(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
