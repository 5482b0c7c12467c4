"""The rows of a tenant's providers: added, replaced, chosen and removed, each refused with its reason on saving."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from resources import tenancy
from resources.database.models import IntelligenceProvider, Policy
from resources.database.session import Database
from resources.errors import NotFoundError, UsageError
from resources.providers.contract import Capability
from resources.providers.options import model_options, performance_options
from resources.providers.policies import check_address
from resources.providers.pricing import checked_cost_config
from resources.providers.registry import OURS, driver_type, listed
from resources.providers.targets import Target, target_of
from resources.secrets import Keyring, Stored
from resources.settings import Settings


@dataclass(frozen=True, slots=True)
class Specification:
    """What a user says of a provider; `secrets` None leaves those that are stored."""

    name: str
    driver: str
    capability: str
    model: str | None = None
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    performance: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    fallback: str | None = None
    description: str | None = None
    active: bool = False
    secrets: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """A provider as it may be shown; never its secret."""

    name: str
    driver: str
    capability: str
    model: str
    active: bool
    base_url: str | None
    options: dict[str, Any]
    performance: dict[str, Any]
    cost: dict[str, Any]
    fallback: str | None
    description: str | None
    revision: int
    behaviour: str
    external: bool
    credentials: Stored
    updated_at: datetime


def save(database: Database, settings: Settings, tenant: str, spec: Specification, *, replace: bool) -> Target:
    """Add a provider, or replace the one of this name.

    Raises:
        UsageError: whatever is wrong with it; nothing is changed then.
        NotFoundError: no such tenant.
    """
    owner = tenancy.find(database, tenant)
    tenancy.check_name(spec.name, "provider")
    try:
        with database.tenant(owner.id) as session:
            row = _find(session, spec.name)
            if row is not None and not replace:
                raise UsageError(
                    f"{tenant} has a provider {spec.name!r} already: say --replace, or choose another name."
                )
            _check(session, spec, row)
            target = _write(session, settings, owner.id, spec, row)
    except IntegrityError as error:
        raise _explained(error, spec) from None
    return target


def activate(database: Database, tenant: str, name: str) -> Target:
    """Make a provider the tenant's choice for its capability; the one before is deactivated with it."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        row = _require(session, tenant, name)
        _activate(session, row)
        return target_of(row)


def deactivate(database: Database, tenant: str, name: str) -> None:
    """Take a choice back; the tenant is served by what comes without rows."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        row = _require(session, tenant, name)
        row.is_active = False
        row.updated_at = func.now()


def remove(database: Database, tenant: str, name: str) -> None:
    """Remove a provider; whoever fell back to it falls back to nothing, and the ledger keeps its history."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        session.delete(_require(session, tenant, name))


def keep_dimensions(database: Database, target: Target, dimensions: int) -> None:
    """Write down the dimension that a test measured."""
    with database.tenant(target.tenant_id) as session:
        row = session.get_one(IntelligenceProvider, target.row_id)
        row.model_config = {**row.model_config, "dimensions": dimensions}
        row.revision += 1


def find(database: Database, tenant: str, name: str) -> Target:
    """A provider ready to be called.

    Raises:
        NotFoundError: there is none of this name; the message lists those there are.
    """
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        return target_of(_require(session, tenant, name))


def every(database: Database, settings: Settings, tenant: str) -> list[Shown]:
    """A tenant's providers, redacted; readable also where a key is lost."""
    owner = tenancy.find(database, tenant)
    with database.tenant(owner.id) as session:
        rows = session.scalars(
            select(IntelligenceProvider).order_by(IntelligenceProvider.capability, IntelligenceProvider.name)
        ).all()
        names = {row.id: row.name for row in rows}
        return [_shown(row, names, settings) for row in rows]


def rotate(database: Database, settings: Settings, *, dry_run: bool) -> dict[str, int]:
    """Encrypt every credential of every tenant with the newest key; those that already are stay as they are.

    All are decrypted before the first is written: a missing key stops it with nothing changed.

    Returns:
        How many were `rotated` (or would be) and how many were `current`.
    """
    keyring = Keyring.open(settings)
    found: dict[int, list[tuple[int, str]]] = {}
    current = 0
    for owner in tenancy.every(database):
        with database.tenant(owner.id) as session:
            for row in session.scalars(select(IntelligenceProvider)).all():
                if not row.credentials:
                    continue
                secrets = keyring.decrypt(row.credentials, tenant_id=owner.id, row_id=row.id)
                if keyring.needs_rotation(row.credentials):
                    fresh = keyring.encrypt(secrets, tenant_id=owner.id, row_id=row.id)
                    found.setdefault(owner.id, []).append((row.id, fresh))
                else:
                    current += 1
    for tenant_id, values in ({} if dry_run else found).items():
        with database.tenant(tenant_id) as session:
            for row_id, value in values:
                # The key of the key changes nothing that a provider sees: revision and breaker stay.
                session.execute(
                    update(IntelligenceProvider).where(IntelligenceProvider.id == row_id).values(credentials=value)
                )
    return {"rotated": sum(len(values) for values in found.values()), "current": current}


def _check(session: Session, spec: Specification, row: IntelligenceProvider | None) -> None:
    info = driver_type(spec.driver).info
    if spec.capability not in [item.value for item in Capability]:
        raise UsageError(f"There is no capability {spec.capability!r}: choose embedding or text_generation.")
    capability = Capability(spec.capability)
    if capability not in info.capabilities:
        can = ", ".join(sorted(item.value for item in info.capabilities))
        raise UsageError(f"The driver {spec.driver} does {can}, not {spec.capability}: choose another driver.")
    if row is not None and row.capability != spec.capability:
        raise UsageError(f"{spec.name} is for {row.capability}: a row keeps its capability, add another one.")
    if not (spec.model or info.default_models.get(capability)):
        raise UsageError(f"The driver {spec.driver} has no default model: say --model.")
    if info.needs_base_url and not spec.base_url:
        raise UsageError(f"The driver {spec.driver} needs an address: say --base-url.")
    has_key = bool((spec.secrets or {}).get("api_key")) or (
        spec.secrets is None and row is not None and row.credentials
    )
    if info.needs_key and not has_key:
        raise UsageError(f"The driver {spec.driver} needs a key: give it at the prompt, with --key-file or on stdin.")
    own = session.scalar(select(Policy).where(Policy.source_id.is_(None)))
    private = own.allow_private_addresses if own else True
    options = model_options(dict(spec.options), ours=is_ours(spec.driver))
    for address in (spec.base_url, options.token_url):
        if address:
            check_address(address, allow_private=private)
    performance_options(dict(spec.performance))
    checked_cost_config(spec.cost)


def _write(
    session: Session, settings: Settings, tenant_id: int, spec: Specification, row: IntelligenceProvider | None
) -> Target:
    info = driver_type(spec.driver).info
    fallback = _fallback(session, spec)
    model = spec.model or info.default_models[Capability(spec.capability)]
    options = dict(spec.options)
    if row is None:
        row = IntelligenceProvider(tenant_id=tenant_id, name=spec.name, capability=spec.capability, is_active=False)
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
        row.credentials = (
            Keyring.open(settings).encrypt(spec.secrets, tenant_id=tenant_id, row_id=row.id) if spec.secrets else None
        )
    if spec.active:
        _activate(session, row)
    session.flush()
    session.refresh(row)
    target = target_of(row)
    if fallback is not None and Capability(spec.capability) is Capability.EMBEDDING:
        _check_same_space(target, target_of(fallback))
    return target


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


def _check_same_space(target: Target, other: Target) -> None:
    if target.common_model != other.common_model:
        raise UsageError(
            f"{other.name} serves {other.model}, not {target.model}: vectors of two models cannot be compared, so "
            "embeddings fall back only to the same model (--option same_as=... where it has another name there)."
        )
    if target.dimensions and other.dimensions and target.dimensions != other.dimensions:
        raise UsageError(
            f"{other.name} gives {other.dimensions} dimensions, {target.name} {target.dimensions}: embeddings fall "
            "back only to the same dimensions."
        )


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


def _require(session: Session, tenant: str, name: str) -> IntelligenceProvider:
    row = _find(session, name)
    if row is None:
        known = session.scalars(select(IntelligenceProvider.name).order_by(IntelligenceProvider.name))
        raise NotFoundError(
            f"{tenant} has no provider {name!r} (known: {', '.join(known) or 'none yet'}): add it with "
            "`precedent provider add`."
        )
    return row


def _shown(row: IntelligenceProvider, names: Mapping[int, str], settings: Settings) -> Shown:
    target = target_of(row)
    stored = Stored(False)
    if row.credentials:
        stored = Keyring.open(settings).describe(row.credentials, tenant_id=row.tenant_id, row_id=row.id)
    return Shown(
        name=row.name, driver=row.provider, capability=row.capability or "", model=row.model or "",
        active=row.is_active, base_url=row.base_url, options=dict(row.model_config),
        performance=dict(row.performance_config), cost=dict(row.cost_config),
        fallback=names.get(row.fallback_id) if row.fallback_id else None, description=row.description,
        revision=row.revision, behaviour=target.revision, external=target.external, credentials=stored,
        updated_at=row.updated_at,
    )  # fmt: skip


def is_ours(driver: str) -> bool:
    """Whether a driver comes with this distribution."""
    return any(item.name == driver and item.distribution == OURS for item in listed())


def _explained(error: IntegrityError, spec: Specification) -> UsageError:
    text = str(error.orig)
    if "fallback_cycle" in text:
        return UsageError(f"{spec.fallback} falls back, perhaps through others, to {spec.name}: a chain must end.")
    if "uq_integrations_active" in text:
        return UsageError("Another provider was activated at the same time: try again.")
    return UsageError(f"The provider {spec.name!r} was not saved: its name or fallback is taken or gone.")
