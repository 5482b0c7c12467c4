"""The rows of a tenant's providers, and the one place where a row becomes the model and the model a row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from precedent.database.models import IntelligenceProvider
from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.providers import health
from precedent.providers.base import Capability
from precedent.providers.config.options import CostOptions, ModelOptions, PerformanceOptions
from precedent.providers.config.provider import Provider, explained
from precedent.providers.config.validation import check_options
from precedent.providers.registry import driver_type
from precedent.security.credentials import sealed
from precedent.settings import Settings
from precedent.tenants import tenants

DIGESTS = text("SELECT * FROM configuration_digests()")


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """A provider as it is stored.

    Attributes:
        id: The row's number.
        tenant_id: The tenant.
        provider: The configuration, without credentials; unchecked where there is a `problem`.
        version: Counts the edits of the row.
        sealed: The credentials, encrypted; None where there are none.
        problem: Why it cannot be used as it is (its driver is not installed, an option is wrong), or None.
        updated_at: When it was last edited.
    """

    id: int
    tenant_id: int
    provider: Provider
    version: int
    sealed: str | None = field(default=None, repr=False)
    problem: str | None = None
    updated_at: datetime | None = None

    @property
    def edit_id(self) -> str:
        """Changes with every edit, and is never shared by two rows of one name."""
        return f"{self.id}.{self.version}"


def list(database: Database, tenant_id: int) -> Sequence[StoredProvider]:
    """A tenant's providers, by name."""
    with database.tenant(tenant_id) as session:
        return list_in(session)


def list_in(session: Session) -> Sequence[StoredProvider]:
    """The same within a transaction of the tenant."""
    rows = session.scalars(select(IntelligenceProvider).order_by(IntelligenceProvider.name)).all()
    names = {row.id: row.name for row in rows}
    return [_from_row(row, names.get(row.fallback_id or 0)) for row in rows]


def get(database: Database, tenant: str, name: str) -> StoredProvider:
    """The provider of this name.

    Raises:
        NotFoundError: there is no such tenant or provider; the message lists those there are.
    """
    owner = tenants.get(database, tenant)
    return required(list(database, owner.id), tenant, name)


def required(found: Sequence[StoredProvider], tenant: str, name: str) -> StoredProvider:
    """The one of this name.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    for stored in found:
        if stored.provider.name == name:
            return stored
    known = ", ".join(stored.provider.name for stored in found) or "none yet"
    raise NotFoundError(f"{tenant} has no provider {name!r} (known: {known}): add it with `precedent provider add`.")


def save_in(session: Session, settings: Settings, tenant_id: int, provider: Provider) -> StoredProvider:
    """Write a provider that was checked, within a transaction of the tenant; its breaker is closed with the edit.

    The measured dimension stays as long as driver and model do.

    Raises:
        SecretError: there is no key to encrypt its credentials with.
        IntegrityError: the database's own rules, a cycle of fallbacks among them (see `validation.refusal`).
    """
    row = _row(session, provider.name)
    fallback = _row(session, provider.fallback) if provider.fallback else None
    options = provider.options.said()
    if row is None:
        row = IntelligenceProvider(
            tenant_id=tenant_id, name=provider.name, capability=provider.capability.value, is_active=False
        )
        session.add(row)
    else:
        if (row.model, row.provider) == (provider.model, provider.driver) and "dimensions" in row.model_config:
            options.setdefault("dimensions", row.model_config["dimensions"])
        row.revision += 1
    row.provider, row.model, row.base_url = provider.driver, provider.model, provider.base_url
    row.model_config, row.performance_config = options, provider.performance.said()
    row.cost_config, row.description = provider.cost.said(), provider.description
    row.fallback_id = fallback.id if fallback else None
    row.updated_at = func.now()
    session.flush()
    if provider.credentials is not None:
        row.credentials = sealed(settings, provider.secrets, tenant_id=tenant_id, row_id=row.id)
    if provider.active is not None:
        _set_active(session, row, active=provider.active)
    session.flush()
    session.refresh(row)
    stored = _from_row(row, provider.fallback)
    health.reset(session, tenant_id, provider.name, stored.edit_id)
    return stored


def activate(database: Database, tenant: str, name: str) -> StoredProvider:
    """Make a provider the tenant's choice for its capability; the one before is deactivated with it.

    Raises:
        NotFoundError: there is no such tenant or provider.
    """
    return _switch(database, tenant, name, active=True)


def deactivate(database: Database, tenant: str, name: str) -> StoredProvider:
    """Take a choice back, so that the tenant is served by what comes without rows.

    Raises:
        NotFoundError: there is no such tenant or provider.
    """
    return _switch(database, tenant, name, active=False)


def delete(database: Database, tenant: str, name: str) -> None:
    """Remove a provider; those that fell back to it fall back to nothing, and the ledger keeps its history.

    Raises:
        NotFoundError: there is no such tenant or provider.
    """
    owner = tenants.get(database, tenant)
    with database.tenant(owner.id) as session:
        delete_in(session, tenant, name)


def delete_in(session: Session, tenant: str, name: str) -> None:
    """The same within a transaction of the tenant."""
    found = required(list_in(session), tenant, name)
    session.delete(session.get_one(IntelligenceProvider, found.id))
    health.delete(session, name)
    session.flush()


def keep_dimensions(database: Database, tenant_id: int, row_id: int, dimensions: int) -> None:
    """Write down the dimension that a test measured; what was seen of the provider holds on."""
    with database.tenant(tenant_id) as session:
        row = session.get_one(IntelligenceProvider, row_id)
        row.model_config = {**row.model_config, "dimensions": dimensions}
        row.revision += 1
        row.updated_at = func.now()
        session.flush()
        health.take_over(session, row.name, f"{row.id}.{row.revision}")


def digests(database: Database) -> Mapping[int, tuple[str, str]]:
    """Name and digest of each tenant's providers and policies, by tenant; every edit changes the digest."""
    with database.session() as session:
        return {row.tenant_id: (row.tenant, row.digest) for row in session.execute(DIGESTS)}


def _switch(database: Database, tenant: str, name: str, *, active: bool) -> StoredProvider:
    owner = tenants.get(database, tenant)
    with database.tenant(owner.id) as session:
        found = required(list_in(session), tenant, name)
        _set_active(session, session.get_one(IntelligenceProvider, found.id), active=active)
        return required(list_in(session), tenant, name)


def _set_active(session: Session, row: IntelligenceProvider, *, active: bool) -> None:
    if active:
        others = (
            IntelligenceProvider.capability == row.capability,
            IntelligenceProvider.is_active,
            IntelligenceProvider.id != row.id,
        )
        session.execute(update(IntelligenceProvider).where(*others).values(is_active=False))
    row.is_active = active
    row.updated_at = func.now()
    session.flush()


def _row(session: Session, name: str) -> IntelligenceProvider | None:
    return session.scalar(select(IntelligenceProvider).where(IntelligenceProvider.name == name))


def _from_row(row: IntelligenceProvider, fallback: str | None) -> StoredProvider:
    values = {
        "name": row.name,
        "driver": row.provider,
        "capability": row.capability,
        "model": row.model,
        "base_url": row.base_url,
        "active": row.is_active,
        "fallback": fallback,
        "description": row.description,
        "options": row.model_config,
        "performance": row.performance_config,
        "cost": row.cost_config,
    }
    provider, problem = _read(values)
    return StoredProvider(row.id, row.tenant_id, provider, row.revision, row.credentials, problem, row.updated_at)


def _read(values: Mapping[str, Any]) -> tuple[Provider, str | None]:
    """A row's values as the model, and why they do not fit it any more, or None."""
    try:
        driver_type(values["driver"])
        provider = Provider.model_validate(values)
        check_options(provider)
    except UsageError as error:
        return _unchecked(values), str(error)
    except ValidationError as error:
        return _unchecked(values), f"The row does not fit any more: {explained(error, Provider)}"
    return provider, None


def _unchecked(values: Mapping[str, Any]) -> Provider:
    groups = {
        "options": ModelOptions.model_construct(**values["options"]),
        "performance": PerformanceOptions.model_construct(**values["performance"]),
        "cost": CostOptions.model_construct(**values["cost"]),
    }
    return Provider.model_construct(**{**values, **groups, "capability": Capability(values["capability"])})
