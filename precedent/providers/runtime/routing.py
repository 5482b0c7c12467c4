"""Which endpoint is asked first: a preference by kind of work, or by price and measured latency."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from precedent.database.models import IntelligenceProvider, Preference, ProviderHealth
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability, TokenUsage
from precedent.providers.registry import listed
from precedent.providers.runtime.endpoint import ENVIRONMENT, Target


class Route(StrEnum):
    """Kinds of work: bulk, or somebody who waits."""

    ETL = "etl"
    INTERACTIVE = "interactive"


STRATEGIES = ("active", "prefer", "auto")
# Bulk work goes where it costs nothing, a waiting person where it is quick; only among endpoints of the same space.
DEFAULTS: Mapping[Route, tuple[str, ...]] = {
    Route.ETL: ("sentence_transformers", "ollama"),
    Route.INTERACTIVE: ("gateway",),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen of an endpoint: whether its breaker is closed, its latency in ms, the edit that was seen."""

    healthy: bool
    latency_ms: float | None
    edit: str | None = None


def is_well(target: Target, seen: Mapping[str, Seen]) -> bool:
    """Whether an endpoint may be asked: what an earlier edit of its row did is no news of this one."""
    found = seen.get(target.name)
    return found is None or found.healthy or found.edit not in (None, target.edit)


@dataclass(frozen=True, slots=True)
class Preferred:
    """A tenant's preference for one kind of work."""

    strategy: str
    prefer: tuple[str, ...] = ()


def order(targets: Sequence[Target], preferred: Preferred, seen: Mapping[str, Seen]) -> list[Target]:
    """The targets in the order in which they are asked.

    `active` keeps the chain's order; `prefer` puts names or drivers of the list first; `auto` puts healthy ones
    first, the cheapest before the dearer, the quicker before the slower, unknown prices and latencies last. The rules
    stay behind every model: they are what is left when none answers, not the cheapest of them.
    """
    if preferred.strategy == "active" or len(targets) < 2:
        return list(targets)
    if preferred.strategy == "prefer":
        places = {name: place for place, name in reversed(list(enumerate(preferred.prefer)))}

        def place(target: Target) -> int:
            return min(places.get(target.name, 99), places.get(target.driver.name, 99))

        return sorted(targets, key=place)

    def rank(target: Target) -> tuple[bool, bool, float, float]:
        found = seen.get(target.name, Seen(True, None))
        usd = target.tariff.price(TokenUsage(1_000_000, 100_000)).usd
        return (
            target.driver.name == "local", not is_well(target, seen), float("inf") if usd is None else float(usd),
            float("inf") if found.latency_ms is None else found.latency_ms,
        )  # fmt: skip

    return sorted(targets, key=rank)


def preferred(database: Database, tenant_id: int, capability: Capability, route: Route) -> Preferred:
    """A tenant's preference; embeddings have defaults by route, text generation follows its chain."""
    with database.tenant(tenant_id) as session:
        row = session.scalar(
            select(Preference).where(Preference.capability == capability.value, Preference.route == route.value)
        )
        if row is not None:
            return Preferred(row.strategy, tuple(row.prefer))
    if capability is Capability.EMBEDDING:
        return Preferred("prefer", DEFAULTS[route])
    return Preferred("active")


def save(
    database: Database, tenant_id: int, capability: Capability, route: Route, strategy: str, prefer: Sequence[str]
) -> None:
    """Set a tenant's preference.

    Raises:
        UsageError: an unknown strategy, or a list where none belongs.
    """
    with database.tenant(tenant_id) as session:
        write(session, tenant_id, capability, route, Preferred(strategy, tuple(prefer)))


def write(session: Session, tenant_id: int, capability: Capability, route: Route, wanted: Preferred) -> None:
    """The same within a transaction of the tenant."""
    if wanted.strategy not in STRATEGIES:
        raise UsageError(f"There is no strategy {wanted.strategy!r}: choose from {', '.join(STRATEGIES)}.")
    if (wanted.strategy == "prefer") != bool(wanted.prefer):
        raise UsageError("The strategy prefer needs names or drivers to prefer, the others take none.")
    known = {ENVIRONMENT, *(item.name for item in listed()), *session.scalars(select(IntelligenceProvider.name))}
    if unknown := [name for name in wanted.prefer if name not in known]:
        raise UsageError(f"There is no provider or driver {unknown[0]!r} to prefer: choose from {_joined(known)}.")
    values = {"strategy": wanted.strategy, "prefer": list(wanted.prefer), "updated_at": func.now()}
    session.execute(
        insert(Preference)
        .values(tenant_id=tenant_id, capability=capability.value, route=route.value, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "capability", "route"], set_=values)
    )


def erase(session: Session, capability: Capability, route: Route) -> None:
    """Go back to the default for a kind of work, within a transaction of the tenant."""
    session.execute(
        delete(Preference).where(Preference.capability == capability.value, Preference.route == route.value)
    )


def health(database: Database, tenant_id: int) -> dict[str, Seen]:
    """What was last seen of each of a tenant's endpoints."""
    # Compared in SQL: the end of a breaker that waits for an edit is `infinity`, which Python has no moment for.
    # A breaker whose pause is over lets one call through: it would never close if nobody tried.
    closed = or_(ProviderHealth.open_until.is_(None), ProviderHealth.open_until <= func.clock_timestamp())
    with database.tenant(tenant_id) as session:
        rows = session.execute(
            select(ProviderHealth.provider, closed, ProviderHealth.latency_ms, ProviderHealth.revision)
        ).all()
        return {name: Seen(bool(healthy), latency_ms, edit) for name, healthy, latency_ms, edit in rows}


def _joined(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
