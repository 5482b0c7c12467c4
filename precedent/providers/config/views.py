"""A tenant's providers as they may be shown: what is configured, what was seen of it, and never a secret."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import case, func, select

from precedent.database.models import IntelligenceProvider, ProviderHealth
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.providers.base import Capability
from precedent.providers.config.repository import find as find_row
from precedent.providers.config.validation import addresses
from precedent.providers.runtime.endpoint import ENVIRONMENT, Target, chain, target_of
from precedent.security.credentials import Stored, shown
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from precedent.tenants.policies import is_private

ROW, BUILT_IN = "row", "built-in"
NONE_STORED = Stored(False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen of a provider.

    Attributes:
        state: `unseen`, `well`, `failing` or `open` (its breaker lets no call through).
        until: When an open breaker lets a call through again; None where only an edit or a test opens the way.
        failures: Outages in a row.
        reason: The kind of the last outage.
        error: What it said.
        latency_ms: Smoothed over the calls of this revision.
        succeeded_at: The last answer.
        failed_at: The last outage.
    """

    state: str = "unseen"
    until: datetime | None = None
    failures: int = 0
    reason: str | None = None
    error: str | None = None
    latency_ms: float | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A provider as it may be shown.

    Attributes:
        origin: `row`, or `environment` and `built-in` where the tenant has no active row for the capability.
        revision: Counts the edits; 0 where there is no row.
        behaviour: Changes when answers could.
        external: Whether texts leave for somebody else.
        credentials: What may be shown of them.
        problem: Why the row cannot be used as it is, or None.
    """

    name: str
    driver: str
    capability: str
    model: str
    origin: str
    active: bool
    base_url: str | None
    options: dict[str, Any]
    performance: dict[str, Any]
    cost: dict[str, Any]
    fallback: str | None = None
    description: str | None = None
    revision: int = 0
    behaviour: str | None = None
    external: bool | None = None
    credentials: Stored = NONE_STORED
    seen: Seen = field(default_factory=Seen)
    problem: str | None = None
    updated_at: datetime | None = None


def every(database: Database, settings: Settings, tenant: str) -> list[Shown]:
    """A tenant's rows, and what serves a capability without an active one; readable also where a key is lost."""
    owner = tenancy.find(database, tenant)
    seen = _seen(database, owner.id)
    with database.tenant(owner.id) as session:
        rows = session.scalars(
            select(IntelligenceProvider).order_by(IntelligenceProvider.capability, IntelligenceProvider.name)
        ).all()
        names = {row.id: row.name for row in rows}
        found = [_of_row(row, names, seen, settings) for row in rows]
    chosen = {item.capability for item in found if item.active}
    found += [
        _without_row(chain(database, owner.id, capability)[0], seen)
        for capability in Capability
        if capability.value not in chosen
    ]
    return sorted(found, key=lambda item: (item.capability, not item.active, item.name))


def one(database: Database, settings: Settings, tenant: str, name: str) -> list[Shown]:
    """The row of a name, or what serves under it without one, by capability.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    found = every(database, settings, tenant)
    named = [item for item in found if item.name == name]
    if not named:
        known = ", ".join(sorted({item.name for item in found}))
        raise NotFoundError(
            f"{tenant} has no provider {name!r} (known: {known}): add it with `precedent provider add`."
        )
    return [item for item in named if item.origin == ROW] or named


def find(database: Database, tenant: str, name: str) -> list[Target]:
    """The endpoint of a name, ready to be called: a row, or what serves without one, by capability.

    Raises:
        NotFoundError: there is none of this name.
        UsageError: its driver or options do not fit any more.
    """
    owner = tenancy.find(database, tenant)
    try:
        return [find_row(database, tenant, name)]
    except NotFoundError:
        heads = [chain(database, owner.id, capability)[0] for capability in Capability]
        found = [target for target in heads if target.row_id is None and target.name == name]
        if not found:
            raise
        return found


def with_private_address(database: Database, tenant_id: int) -> list[str]:
    """The names of the rows whose address, or that of their tokens, is a private one."""
    with database.tenant(tenant_id) as session:
        rows = session.scalars(select(IntelligenceProvider).order_by(IntelligenceProvider.name)).all()
        return [row.name for row in rows if _is_private(row)]


def _is_private(row: IntelligenceProvider) -> bool:
    try:
        target = target_of(row)
    except UsageError:  # its driver is not there: it calls nobody
        return False
    hosts = (urlsplit(address).hostname for address in addresses(target.base_url, target.driver, target.options))
    return any(is_private(host) for host in hosts if host)


def _of_row(
    row: IntelligenceProvider, names: Mapping[int, str], seen: Mapping[str, tuple[str, Seen]], settings: Settings
) -> Shown:
    target, problem = None, None
    try:
        target = target_of(row)
    except UsageError as error:
        problem = str(error)
    return Shown(
        name=row.name, driver=row.provider, capability=row.capability or "", model=row.model or "", origin=ROW,
        active=row.is_active, base_url=row.base_url, options=dict(row.model_config),
        performance=dict(row.performance_config), cost=dict(row.cost_config),
        fallback=names.get(row.fallback_id) if row.fallback_id else None, description=row.description,
        revision=row.revision, behaviour=target.revision if target else None,
        external=target.external if target else None,
        credentials=shown(settings, row.credentials, tenant_id=row.tenant_id, row_id=row.id),
        seen=_current(seen, row.name, target.edit if target else None), problem=problem, updated_at=row.updated_at,
    )  # fmt: skip


def _without_row(target: Target, seen: Mapping[str, tuple[str, Seen]]) -> Shown:
    key = os.environ.get("OPENAI_API_KEY", "") if target.name == ENVIRONMENT else ""
    return Shown(
        name=target.name, driver=target.driver.name, capability=target.capability.value, model=target.model,
        origin=ENVIRONMENT if target.name == ENVIRONMENT else BUILT_IN, active=True, base_url=target.base_url,
        options={}, performance={}, cost={}, behaviour=target.revision, external=target.external,
        credentials=Stored(bool(key), key[-4:] if len(key) >= 12 else None),
        seen=_current(seen, target.name, target.edit),
    )  # fmt: skip


def _current(seen: Mapping[str, tuple[str, Seen]], name: str, edit: str | None) -> Seen:
    """What was seen of this revision; of another one nothing counts."""
    revision, found = seen.get(name, ("", Seen()))
    return found if revision == edit else Seen()


def _seen(database: Database, tenant_id: int) -> dict[str, tuple[str, Seen]]:
    health = ProviderHealth
    finite = func.isfinite(health.open_until)
    opened = func.coalesce(health.open_until > func.clock_timestamp(), False)
    # A breaker that waits for an edit ends at `infinity`, which Python has no moment for.
    until = case((finite, health.open_until), else_=None)
    with database.tenant(tenant_id) as session:
        rows = session.execute(
            select(
                health.provider, health.revision, opened, until, health.failures, health.reason, health.error,
                health.latency_ms, health.succeeded_at, health.failed_at,
            )
        ).all()  # fmt: skip
    found = {}
    for provider, revision, is_open, ends, failures, reason, error, latency, succeeded, failed in rows:
        state = "open" if is_open else "failing" if failures else "well" if succeeded else "unseen"
        seen = Seen(
            state, _utc(ends) if is_open else None, failures, reason, error, latency, _utc(succeeded), _utc(failed)
        )
        found[provider] = (revision, seen)
    return found


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
