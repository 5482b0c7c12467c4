"""The rows of a tenant's providers: added, replaced, chosen and removed, each refused with its reason on saving."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from precedent.database.models import IntelligenceProvider, ProviderHealth
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.providers.base import Capability
from precedent.providers.config.validation import Specification, check, check_same_space, explained
from precedent.providers.runtime.endpoint import Target, target_of
from precedent.security.credentials import sealed
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy

__all__ = ["Specification"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A row as it would be saved, with those that have to fit it.

    Attributes:
        target: The endpoint.
        fallback: Where it falls back to.
        dependants: Those that fall back to it.
        live: The `edit` of the row that is stored now, or None for a new one.
    """

    target: Target
    fallback: Target | None
    dependants: tuple[Target, ...]
    live: str | None


def save(database: Database, settings: Settings, tenant: str, spec: Specification, *, replace: bool) -> Target:
    """Add a provider, or replace the one of this name; nobody is called.

    Raises:
        UsageError: whatever is wrong with it; nothing is changed then.
        NotFoundError: no such tenant.
    """
    owner = tenancy.find(database, tenant)
    try:
        with database.tenant(owner.id) as session:
            return write(session, settings, owner, spec, replace=replace).target
    except IntegrityError as error:
        raise explained(error, spec.name) from None


def draft(
    database: Database, settings: Settings, tenant: str, specs: Sequence[Specification], *, replace: bool
) -> list[Draft]:
    """What saving these would give, in an order in which fallbacks come before those that need them.

    Everything is written and taken back, so that the database's own rules are asked too, and no transaction is open
    while a provider is tried.

    Raises:
        UsageError: whatever is wrong with one of them.
    """
    owner = tenancy.find(database, tenant)
    try:
        with database.tenant(owner.id) as session:
            names = frozenset(spec.name for spec in specs)
            found = [write(session, settings, owner, spec, replace=replace, together=names) for spec in specs]
            session.rollback()
    except IntegrityError as error:
        raise explained(error, ", ".join(spec.name for spec in specs)) from None
    return found


def write(
    session: Session, settings: Settings, owner: tenancy.TenantRow, spec: Specification, *, replace: bool,
    together: Collection[str] = (),
) -> Draft:  # fmt: skip
    """Check and write one row within a transaction of the tenant; its breaker is closed with the edit.

    Args:
        session: The transaction.
        settings: Where the keys for credentials are.
        owner: The tenant.
        spec: What is wanted.
        replace: Whether a row of this name may be there already.
        together: Names of the rows that are written in the same transaction, fallbacks first: each is compared with
            its fallback when its own turn comes.

    Raises:
        UsageError: whatever is wrong with it.
        IntegrityError: the database's own rules, a cycle of fallbacks among them (`row_checks.explained`).
    """
    tenancy.check_name(spec.name, "provider")
    row = _find(session, spec.name)
    if row is not None and not replace:
        raise UsageError(f"{owner.name} has a provider {spec.name!r} already: say --replace, or choose another name.")
    info = check(session, spec, row)
    live = target_edit(row) if row is not None else None
    fallback = _fallback(session, spec)
    model = spec.model or info.default_models[Capability(spec.capability)]
    options = dict(spec.options)
    if row is None:
        row = IntelligenceProvider(tenant_id=owner.id, name=spec.name, capability=spec.capability, is_active=False)
        session.add(row)
    else:
        if row.model == model and row.provider == spec.driver and "dimensions" in row.model_config:
            options.setdefault("dimensions", row.model_config["dimensions"])
        row.revision += 1
    row.provider, row.model, row.base_url = spec.driver, model, spec.base_url
    row.model_config, row.performance_config = options, dict(spec.performance)
    row.cost_config, row.description = dict(spec.cost), spec.description
    row.fallback_id = fallback.id if fallback else None
    row.updated_at = func.now()
    session.flush()
    if spec.secrets is not None:
        row.credentials = sealed(settings, spec.secrets, tenant_id=owner.id, row_id=row.id)
    if spec.active:
        _activate(session, row)
    elif spec.active is False:
        row.is_active = False
    session.flush()
    session.refresh(row)
    found = _draft(session, row, fallback, live, together)
    close_breaker(session, found.target)
    return found


def activate(database: Database, tenant: str, name: str) -> Target:
    """Make a provider the tenant's choice for its capability; the one before is deactivated with it."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        row = require(session, tenant, name)
        _activate(session, row)
        return target_of(row)


def deactivate(database: Database, tenant: str, name: str) -> bool:
    """Take a choice back, so that the tenant is served by what comes without rows; False where it was none."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        row = require(session, tenant, name)
        was, row.is_active = row.is_active, False
        row.updated_at = func.now()
        return was


def remove(database: Database, tenant: str, name: str) -> None:
    """Remove a provider; whoever fell back to it falls back to nothing, and the ledger keeps its history."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        erase(session, tenant, name)


def erase(session: Session, tenant: str, name: str) -> None:
    """The same within a transaction of the tenant."""
    session.delete(require(session, tenant, name))
    session.execute(delete(ProviderHealth).where(ProviderHealth.provider == name))
    session.flush()


def keep_dimensions(database: Database, target: Target, dimensions: int) -> None:
    """Write down the dimension that a test measured."""
    with database.tenant(target.tenant_id) as session:
        row = session.get_one(IntelligenceProvider, target.row_id)
        row.model_config = {**row.model_config, "dimensions": dimensions}
        row.revision += 1
        row.updated_at = func.now()
        session.flush()
        session.execute(
            update(ProviderHealth).where(ProviderHealth.provider == row.name).values(revision=target_edit(row))
        )


def find(database: Database, tenant: str, name: str) -> Target:
    """A provider ready to be called.

    Raises:
        NotFoundError: there is none of this name; the message lists those there are.
    """
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        return target_of(require(session, tenant, name))


def require(session: Session, tenant: str, name: str) -> IntelligenceProvider:
    """The row of this name.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    row = _find(session, name)
    if row is None:
        known = session.scalars(select(IntelligenceProvider.name).order_by(IntelligenceProvider.name))
        raise NotFoundError(
            f"{tenant} has no provider {name!r} (known: {', '.join(known) or 'none yet'}): add it with "
            "`precedent provider add`."
        )
    return row


def target_edit(row: IntelligenceProvider) -> str:
    """The `edit` of a row's target: the row and how often it was changed, never shared by two rows of one name."""
    return f"{row.id}.{row.revision}"


def close_breaker(session: Session, target: Target, latency_ms: float | None = None) -> None:
    """Begin anew with an endpoint that was edited or has just answered; what its limits have used up stays."""
    answered = func.clock_timestamp() if latency_ms is not None else None
    values = {
        "revision": target.edit, "failures": 0, "open_until": None, "reason": None, "error": None, "failed_at": None,
        "wait_until": None, "latency_ms": latency_ms, "succeeded_at": answered,
    }  # fmt: skip
    if latency_ms is None:
        session.execute(update(ProviderHealth).where(ProviderHealth.provider == target.name).values(**values))
    else:
        session.execute(
            insert(ProviderHealth)
            .values(tenant_id=target.tenant_id, provider=target.name, **values)
            .on_conflict_do_update(index_elements=["tenant_id", "provider"], set_=values)
        )


def _draft(
    session: Session, row: IntelligenceProvider, fallback: IntelligenceProvider | None, live: str | None,
    together: Collection[str],
) -> Draft:  # fmt: skip
    target = target_of(row)
    other = target_of(fallback) if fallback is not None else None
    if target.capability is not Capability.EMBEDDING:
        return Draft(target, other, (), live)
    relying = session.scalars(select(IntelligenceProvider).where(IntelligenceProvider.fallback_id == row.id)).all()
    dependants = tuple(target_of(found) for found in relying if found.name not in together)
    if other is not None:
        check_same_space(target, other)
    for dependant in dependants:
        check_same_space(dependant, target)
    return Draft(target, other, dependants, live)


def _fallback(session: Session, spec: Specification) -> IntelligenceProvider | None:
    if spec.fallback is None:
        return None
    if spec.fallback == spec.name:
        raise UsageError(f"{spec.name} cannot fall back to itself.")
    row = _find(session, spec.fallback)
    if row is None:
        raise UsageError(f"This tenant has no provider {spec.fallback!r} to fall back to: add it first.")
    if row.capability != spec.capability:
        raise UsageError(f"{spec.fallback} is for {row.capability}, not {spec.capability}: it cannot be the fallback.")
    return row


def _activate(session: Session, row: IntelligenceProvider) -> None:
    session.execute(
        update(IntelligenceProvider)
        .where(
            IntelligenceProvider.capability == row.capability,
            IntelligenceProvider.is_active,
            IntelligenceProvider.id != row.id,
        )
        .values(is_active=False)
    )
    row.is_active = True
    row.updated_at = func.now()
    session.flush()


def _find(session: Session, name: str) -> IntelligenceProvider | None:
    return session.scalar(select(IntelligenceProvider).where(IntelligenceProvider.name == name))
