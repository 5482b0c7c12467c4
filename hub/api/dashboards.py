"""Three paths in the shapes that existing dashboards ask for; the tenant is the caller's own, or said in the query."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request

from hub.gate.permission import TenantAccess, needs, signed_in, tenant_access
from hub.problems import Refused
from precedent.access import caller as callers
from precedent.access.roles import Role
from precedent.errors import PrecedentError
from precedent.providers.base import Capability
from precedent.providers.billing.reconciliation import reconcile
from precedent.providers.config import views
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.tokens import TokenUsage

router = APIRouter(prefix="/ai", tags=["existing dashboards"])
THOUSAND = TokenUsage(1_000, 0)


class Range(StrEnum):
    """The last so many days."""

    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"


class Camel(BaseModel):
    """A value whose names begin small and go on with capitals."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class ModelsAsked(BaseModel):
    """What the models must be able to do."""

    capabilities: list[Capability] = Field(default_factory=list, description="Any of these; empty for all.")


class AvailableModel(BaseModel):
    """A model that the tenant has a provider for."""

    name: str
    provider: str
    capability: Capability
    dimensions: int | None = Field(description="Of its vectors; null where it makes none, or where it is not known.")
    cost_per_1k_tokens: float | None = Field(description="USD for 1,000 tokens of input; null where it is not known.")


class AvailableModels(BaseModel):
    """The models of a tenant's providers, by name of the provider."""

    models: list[AvailableModel]


class ProviderShare(Camel):
    """A provider's part of a summary."""

    provider: str
    cost: float | None = Field(description="USD; null where no call has a known cost.")
    tokens: int
    requests: int


class DateRange(Camel):
    """From when to when."""

    start: datetime
    end: datetime


class UsageSummary(Camel):
    """What calls have used and cost."""

    total_cost: float | None = Field(description="USD of the calls whose cost is known; null where none is.")
    total_tokens: int
    total_requests: int
    avg_cost_per_request: float | None
    provider_breakdown: list[ProviderShare]
    date_range: DateRange


class KeyInfo(Camel):
    """What a gateway says of the key that a provider calls it with."""

    provider: str
    reachable: bool
    spend: float | None = Field(description="USD that the gateway has charged; null where it does not say.")
    max_budget: float | None
    since: datetime | None
    notes: list[str]


class KeyInfos(Camel):
    """The keys of a tenant's gateways."""

    keys: list[KeyInfo]


def own_tenant(request: Request, tenant: Annotated[str | None, Query(max_length=63)] = None) -> TenantAccess:
    """The tenant that is named in the query, or else the only one that the caller belongs to.

    Raises:
        Refused: it is a stranger, may not, or belongs to several tenants and names none.
    """
    caller = signed_in(request)
    if tenant is None:
        found = callers.memberships(request.app.state.platform.database, caller)
        if len(found) != 1:
            names = ", ".join(item.tenant for item in found) or "none"
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"Say ?tenant=NAME; {caller.name} belongs to {names}.")
        tenant = found[0].tenant
    return tenant_access(request, tenant)


Asked = Annotated[TenantAccess, Depends(own_tenant)]


@router.post("/models/available", **needs(Role.VIEWER))
def available_models(asked: Asked, wanted: ModelsAsked) -> AvailableModels:
    """The models that the tenant's providers offer for these capabilities; no provider is asked."""
    chosen = wanted.capabilities or list(Capability)
    found = [
        _model(endpoint)
        for view in asked.tenant.providers()
        if view.provider.capability in chosen
        for endpoint in _usable(asked, view.provider.name, view.provider.capability)
    ]
    return AvailableModels(models=sorted(found, key=lambda model: (model.provider, model.capability)))


@router.get("/usage/summary", **needs(Role.VIEWER))
def usage_summary(asked: Asked, period: Annotated[Range, Query(alias="range")] = Range.WEEK) -> UsageSummary:
    """What calls have used and cost in the last days."""
    usage = asked.tenant.usage("24h" if period is Range.DAY else period.value)
    total = usage.total.figures
    cost = total.cost_usd
    return UsageSummary(
        total_cost=cost,
        total_tokens=total.input_tokens + total.output_tokens,
        total_requests=total.calls,
        avg_cost_per_request=float(cost) / total.calls if total.calls and cost is not None else None,
        provider_breakdown=[
            ProviderShare(
                provider=line.key or "",
                cost=line.figures.cost_usd,
                tokens=line.figures.input_tokens + line.figures.output_tokens,
                requests=line.figures.calls,
            )
            for line in usage.lines
        ],
        date_range=DateRange(start=usage.period.start, end=usage.period.end),
    )


@router.get("/gateway/key-info", **needs(Role.VIEWER))
def key_info(asked: Asked) -> KeyInfos:
    """What each gateway says of its key; one that cannot be reached is named with the reason."""
    platform = asked.platform
    period = asked.tenant.usage("30d").period
    found = reconcile(platform.database, platform.settings, asked.tenant.id, period)
    return KeyInfos(
        keys=[
            KeyInfo(
                provider=item.provider,
                reachable=item.reachable,
                spend=item.key.spend_usd if item.key else None,
                max_budget=item.key.max_budget_usd if item.key else None,
                since=item.key.since if item.key else None,
                notes=[*item.notes],
            )
            for item in found
        ]
    )


def _usable(asked: TenantAccess, name: str, capability: Capability) -> Sequence[Endpoint]:
    try:
        found = views.endpoints(asked.platform.database, asked.tenant.name, name)
    except PrecedentError:  # its page says why it cannot be used
        return ()
    return [endpoint for endpoint in found if endpoint.provider.capability is capability]


def _model(endpoint: Endpoint) -> AvailableModel:
    price = endpoint.tariff.price(THOUSAND).usd
    return AvailableModel(
        name=endpoint.provider.model,
        provider=endpoint.name,
        capability=endpoint.provider.capability,
        dimensions=endpoint.provider.dimensions if endpoint.provider.capability is Capability.EMBEDDING else None,
        cost_per_1k_tokens=float(price) if price is not None else None,
    )
