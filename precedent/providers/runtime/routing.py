"""Which endpoint is asked first: a preference by kind of work, or by price and measured latency."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from sqlalchemy.orm import Session

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.validation import ENVIRONMENT
from precedent.providers.health import UNSEEN, Health, HealthState
from precedent.providers.registry import listed
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.tokens import TokenUsage
from precedent.tenants import preferences
from precedent.tenants.preferences import Preference, Strategy


class Route(StrEnum):
    """Kinds of work: bulk work of assets, and requests of a person who waits for the answer."""

    ETL = "etl"
    INTERACTIVE = "interactive"


# Bulk work goes where it costs nothing, an interactive request where it is quick; only among endpoints of one space.
DEFAULTS: Mapping[Route, Preference] = {
    Route.ETL: Preference(strategy=Strategy.PREFER, prefer=("sentence_transformers", "ollama")),
    Route.INTERACTIVE: Preference(strategy=Strategy.PREFER, prefer=("gateway",)),
}
CHAIN = Preference(strategy=Strategy.ACTIVE)
# What the prices of endpoints are compared by: prompts are long and answers short, and vectors have none.
TYPICAL = {
    Capability.TEXT_GENERATION: TokenUsage(1_000_000, 100_000),
    Capability.EMBEDDING: TokenUsage(1_000_000),
}


def is_well(endpoint: Endpoint, seen: Mapping[str, Health]) -> bool:
    """True if an endpoint may be asked: its breaker is closed, or was opened by an earlier edit."""
    return seen.get(endpoint.name, UNSEEN).of(endpoint.edit_id).state is not HealthState.OPEN


def order(endpoints: Sequence[Endpoint], preference: Preference, seen: Mapping[str, Health]) -> list[Endpoint]:
    """The endpoints in the order in which they are asked.

    `active` keeps the chain's order; `prefer` puts names or drivers of the list first; `auto` puts healthy ones
    first, the cheapest before the dearer, the quicker before the slower, unknown prices and latencies last. A driver
    of last resort stays behind every model: it is what is left when none answers, not the cheapest of them.

    Args:
        endpoints: The tenant's chain.
        preference: How to choose.
        seen: What was last seen of each provider, by name.
    """
    if preference.strategy is Strategy.ACTIVE or len(endpoints) < 2:
        return list(endpoints)
    if preference.strategy is Strategy.PREFER:
        places = {name: place for place, name in reversed(list(enumerate(preference.prefer)))}
        last = len(preference.prefer)
        return sorted(endpoints, key=lambda one: min(places.get(one.name, last), places.get(one.driver.name, last)))

    def rank(endpoint: Endpoint) -> tuple[bool, bool, float, float]:
        usd = endpoint.tariff.price(TYPICAL[endpoint.provider.capability]).usd
        latency = seen.get(endpoint.name, UNSEEN).latency_ms
        return (
            endpoint.driver.last_resort,
            not is_well(endpoint, seen),
            float("inf") if usd is None else float(usd),
            float("inf") if latency is None else latency,
        )

    return sorted(endpoints, key=rank)


def preference_of(database: Database, tenant_id: int, capability: Capability, route: Route) -> Preference:
    """A tenant's preference; embeddings have defaults by route, text generation follows its chain."""
    with database.tenant(tenant_id) as session:
        found = preferences.list(session).get((capability, route))
    return found or (DEFAULTS[route] if capability is Capability.EMBEDDING else CHAIN)


def save(
    database: Database, tenant_id: int, capability: Capability, route: Route, strategy: str, prefer: Sequence[str]
) -> None:
    """Set a tenant's preference.

    Args:
        database: The platform's.
        tenant_id: The tenant.
        capability: What the providers are asked for.
        route: The kind of work.
        strategy: `active`, `auto` or `prefer`.
        prefer: Names of providers or drivers, with `prefer` alone.

    Raises:
        UsageError: an unknown strategy or name, or a list where none belongs.
    """
    if strategy not in list(Strategy):
        raise UsageError(f"There is no strategy {strategy!r}: choose from {', '.join(Strategy)}.")
    with database.tenant(tenant_id) as session:
        preference = Preference(strategy=Strategy(strategy), prefer=tuple(prefer))
        save_in(session, tenant_id, capability, route, preference)


def save_in(session: Session, tenant_id: int, capability: Capability, route: Route, preference: Preference) -> None:
    """The same within a transaction of the tenant; takes and raises what `save` does."""
    if (preference.strategy is Strategy.PREFER) != bool(preference.prefer):
        raise UsageError("The strategy prefer needs names or drivers to prefer, the others take none.")
    known = {ENVIRONMENT, *(item.name for item in listed())}
    known |= {stored.provider.name for stored in repository.list_in(session)}
    if unknown := [name for name in preference.prefer if name not in known]:
        choices = ", ".join(sorted(known))
        raise UsageError(f"There is no provider or driver {unknown[0]!r} to prefer: choose from {choices}.")
    preferences.save(session, tenant_id, capability, route, preference)
