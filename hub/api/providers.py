"""AI providers of a tenant; credentials are never part of an answer."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from hub.gate.permission import TenantAccess, needs, tenant_access
from precedent.access.roles import Role
from precedent.providers.config import repository, views
from precedent.providers.config.views import ProviderView as Stored

router = APIRouter(prefix="/providers", tags=["providers"])
Asked = Annotated[TenantAccess, Depends(tenant_access)]


class CredentialsView(BaseModel):
    """What may be shown of credentials."""

    has_key: bool
    last_four: str | None = Field(description="null for a short secret, and where the encrypting key is lost.")


class HealthView(BaseModel):
    """What was last seen of a provider."""

    state: str = Field(description="unseen, well, failing or open (its breaker lets no call through).")
    until: datetime | None
    failures: int
    reason: str | None
    latency_ms: float | None
    succeeded_at: datetime | None
    failed_at: datetime | None


class ProviderView(BaseModel):
    """A provider: what is configured, and what was seen of it."""

    name: str
    driver: str
    capability: str = Field(description="embedding or text_generation.")
    model: str
    base_url: str | None
    active: bool = Field(description="Whether it is the tenant's choice for the capability.")
    fallback: str | None
    description: str | None
    origin: str = Field(description="row; environment or built-in where the tenant has no active row.")
    external: bool | None = Field(description="Whether its address is outside the organisation.")
    version: int
    options: dict[str, Any]
    performance: dict[str, Any]
    cost: dict[str, Any]
    credentials: CredentialsView
    seen: HealthView
    problem: str | None = Field(description="Why it cannot be used as it is.")
    updated_at: datetime | None


@router.get("", **needs(Role.VIEWER))
def list_providers(asked: Asked) -> list[ProviderView]:
    """The providers, and what serves a capability without one."""
    return [_view(view) for view in asked.tenant.providers()]


@router.get("/{provider}", **needs(Role.VIEWER))
def get_provider(asked: Asked, provider: str) -> list[ProviderView]:
    """What is called under a name, by capability."""
    platform = asked.platform
    return [_view(view) for view in views.get(platform.database, platform.settings, asked.tenant.name, provider)]


@router.post("/{provider}/activate", **needs(Role.ADMIN))
def activate_provider(asked: Asked, provider: str) -> list[ProviderView]:
    """Make a provider the tenant's choice for its capability."""
    repository.activate(asked.platform.database, asked.tenant.name, provider)
    return get_provider(asked, provider)


@router.post("/{provider}/deactivate", **needs(Role.ADMIN))
def deactivate_provider(asked: Asked, provider: str) -> list[ProviderView]:
    """Take the choice back."""
    repository.deactivate(asked.platform.database, asked.tenant.name, provider)
    return get_provider(asked, provider)


@router.delete("/{provider}", status_code=204, **needs(Role.ADMIN))
def remove_provider(asked: Asked, provider: str) -> None:
    """Remove a provider; the ledger keeps its history."""
    repository.delete(asked.platform.database, asked.tenant.name, provider)


def _view(view: Stored) -> ProviderView:
    dumped = view.dump()
    names = ("has_key", "last_four")
    credentials = {name: getattr(view.credentials, name) for name in names}
    seen = {name: getattr(view.seen, name) for name in HealthView.model_fields}
    return ProviderView.model_validate(
        {**dumped, "active": bool(dumped["active"]), "credentials": credentials, "seen": seen}
    )
