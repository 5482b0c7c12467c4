"""Pricing history again: by the rows' prices of today and the price list, one call at a time, never a sum."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from itertools import groupby
from typing import Any

import psycopg

from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.providers.base import Capability
from precedent.providers.billing.pricing import GATEWAY, ROUNDED, Price, Tariff
from precedent.providers.billing.usage import Period
from precedent.providers.config import repository
from precedent.providers.registry import driver_type
from precedent.providers.runtime.endpoint import Endpoint, chain, endpoint_of
from precedent.providers.tokens import TokenUsage

BATCH = 1_000
# What a gateway said that a call cost is what it charged: no list knows better. Calls that were never answered cost
# nothing and have no source: they are not chosen either.
CHOSEN = """
SELECT created_at, id, provider, driver, model, input_tokens, output_tokens, cached_tokens,
  cost_usd, cost_source, input_price_usd, output_price_usd, cached_price_usd
FROM usage_records
WHERE created_at >= %(start)s AND created_at < %(end)s
  AND (cost_usd IS NULL OR (%(every)s AND cost_source <> %(gateway)s))
  AND (%(provider)s::text IS NULL OR provider = %(provider)s)
ORDER BY created_at, id
"""
WRITE = """
UPDATE usage_records SET cost_usd = %s, cost_source = %s, input_price_usd = %s, output_price_usd = %s,
  cached_price_usd = %s WHERE id = %s
"""
# One after the other for a tenant: the second run sees what the first made of the prices.
ALONE = "SELECT pg_advisory_lock(hashtext('reprice'), %s)"


@dataclass(slots=True)
class Repriced:
    """What became of the calls of one provider, driver and model.

    Attributes:
        calls: Calls that were looked at.
        changed: Those whose price or unit prices changed.
        priced: Those that were unpriced and are not any more.
        unpriced: Those that still are.
        kept: Those that had a price that is not known today: they keep it.
        known_before: USD of the calls that had a price.
        known_after: USD of the calls that have one now.
        note: Why they were left as they are, where that has a reason.
    """

    provider: str
    driver: str
    model: str
    calls: int = 0
    changed: int = 0
    priced: int = 0
    unpriced: int = 0
    kept: int = 0
    known_before: Decimal = Decimal(0)
    known_after: Decimal = Decimal(0)
    note: str | None = None

    @property
    def before_usd(self) -> Decimal | None:
        """The cost before; None where only unpriced calls can have cost anything."""
        return None if self.priced + self.unpriced and not self.known_before else self.known_before

    @property
    def after_usd(self) -> Decimal | None:
        """The cost now; None where only unpriced calls can have cost anything."""
        return None if self.unpriced and not self.known_after else self.known_after

    @property
    def difference_usd(self) -> Decimal:
        """What it adds to the tenant's spending; below zero where it takes away."""
        return self.known_after - self.known_before


def reprice(
    database: Database,
    tenant_id: int,
    period: Period,
    *,
    provider: str | None = None,
    every: bool = False,
    dry_run: bool = False,
) -> list[Repriced]:
    """Price a tenant's calls again; a second run finds nothing to change.

    A call's provider is looked up as it is configured today where it still has the driver and model of the call;
    otherwise the price list is asked for that driver and model. The trigger on the ledger takes the difference into
    the month of each call. Memory does not grow with the number of calls.

    Args:
        database: The database.
        tenant_id: The tenant.
        period: Calls of this time.
        provider: Only calls of this one; all where it is None.
        every: Also calls that have a price, except those that a gateway gave.
        dry_run: Whether to change nothing.

    Returns:
        One entry by provider, driver and model, the largest difference first.

    Raises:
        NotFoundError: neither configuration nor history know the provider.
    """
    tariffs = Tariffs(_endpoints(database, tenant_id))
    found: dict[tuple[str, str, str], Repriced] = {}
    values = {"start": period.start, "end": period.end, "every": every, "gateway": GATEWAY, "provider": provider}
    with database.bulk(tenant_id) as connection:
        if provider is not None:
            _require(connection, provider, tariffs)
        if not dry_run:
            connection.execute(ALONE, (tenant_id,))
        # Held by the server beyond its transaction: an open snapshot would keep every former version of the month's
        # row alive, and slow down the calls that are made meanwhile.
        with connection.cursor(name="calls", withhold=True) as cursor:
            cursor.execute(CHOSEN, values)
            connection.commit()
            while rows := cursor.fetchmany(BATCH):
                # A transaction changes one month's spending: it waits for calls and they for it, never in a circle.
                for _, of_month in groupby(rows, key=lambda row: row[0].astimezone(UTC).strftime("%Y-%m")):
                    changes = [change for row in of_month if (change := _decide(row, tariffs, found)) is not None]
                    if changes and not dry_run:
                        connection.cursor().executemany(WRITE, changes)
                    connection.commit()
    return sorted(found.values(), key=lambda item: (-abs(item.difference_usd), -item.calls, item.provider))


@dataclass(slots=True)
class Tariffs:
    """Tariffs by a call's provider, driver and model."""

    endpoints: Mapping[str, list[Endpoint] | str]
    _known: dict[tuple[str, str, str], Tariff | str] = field(default_factory=dict)

    def of(self, provider: str, driver: str, model: str) -> Tariff | str:
        """The tariff, or why there is none."""
        key = (provider, driver, model)
        if key not in self._known:
            self._known[key] = self._find(*key)
        return self._known[key]

    def _find(self, provider: str, driver: str, model: str) -> Tariff | str:
        endpoints = self.endpoints.get(provider, [])
        if isinstance(endpoints, str):
            return endpoints
        for endpoint in endpoints:
            if (endpoint.provider.driver, endpoint.provider.model) == (driver, model):
                return endpoint.tariff
        try:
            info = driver_type(driver).info
        except UsageError as error:
            return str(error)
        # The address is not on the ledger: that of a provider that was removed is taken to have been the vendor's own.
        return Tariff(model.rsplit("/", 1)[-1].lower(), info.price_id, info.free)


def _decide(
    row: tuple[Any, ...], tariffs: Tariffs, found: dict[tuple[str, str, str], Repriced]
) -> tuple[Any, ...] | None:
    """The row's new cost, source and unit prices with its id, or None where it stays; counted either way."""
    _, row_id, provider, driver, model, tokens_in, tokens_out, cached, *old = row
    before: Decimal | None = old[0]
    item = found.setdefault((provider, driver, model), Repriced(provider, driver, model))
    item.calls += 1
    tariff = tariffs.of(provider, driver, model)
    if isinstance(tariff, str):
        price, item.note = Price(None), tariff
    else:
        price = tariff.price(TokenUsage(tokens_in, tokens_out, cached))
    item.known_before += before or 0
    if price.usd is None:
        # A known price is never made unknown.
        item.unpriced += before is None
        item.kept += before is not None
        item.known_after += before or 0
        return None
    item.known_after += price.usd
    item.priced += before is None
    # Rounded as they are stored: otherwise the next run would see a difference.
    each = (value and value.quantize(ROUNDED) for value in (price.per_input, price.per_output, price.per_cached))
    new = (price.usd, price.source, *each)
    if list(new) == old:
        return None
    item.changed += 1
    return (*new, row_id)


def _endpoints(database: Database, tenant_id: int) -> dict[str, list[Endpoint] | str]:
    """What serves the tenant by name, `environment` for both capabilities; a sentence for what cannot be used."""
    found: dict[str, list[Endpoint] | str] = {
        stored.provider.name: stored.problem or [endpoint_of(stored)] for stored in repository.list(database, tenant_id)
    }
    for capability in Capability:
        try:
            endpoint = chain(database, tenant_id, capability)[0]
        except UsageError:
            continue  # one of the chain cannot be used, noted above
        others = found.setdefault(endpoint.name, [])
        if endpoint.row_id is None and isinstance(others, list):
            others.append(endpoint)
    return found


def _require(connection: "psycopg.Connection[Any]", provider: str, tariffs: Tariffs) -> None:
    query = "SELECT EXISTS (SELECT FROM usage_records WHERE provider = %s)"
    row = connection.execute(query, (provider,)).fetchone()
    if provider not in tariffs.endpoints and not (row and row[0]):
        known = ", ".join(sorted(tariffs.endpoints)) or "none yet"
        raise NotFoundError(
            f"Neither the ledger nor the configured providers know a provider {provider!r}: choose from {known}."
        )
