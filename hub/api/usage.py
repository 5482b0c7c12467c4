"""What calls to providers have used and cost, and what a tenant allows."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from hub.gate.permission import TenantAccess, needs, tenant_access
from precedent.access.roles import Role
from precedent.providers.billing.usage import Line
from precedent.tenants import policies
from precedent.tenants.policies import Exhausted, TenantPolicy

router = APIRouter(tags=["usage"])
Asked = Annotated[TenantAccess, Depends(tenant_access)]


class Group(StrEnum):
    """What figures are grouped by."""

    PROVIDER = "provider"
    MODEL = "model"
    ASSET = "asset"
    DAY = "day"
    OPERATION = "operation"


class LineView(BaseModel):
    """A group's figures."""

    key: str | None = Field(description="The group; null for the total.")
    calls: int
    failed: int
    refused: int
    inputs: int = Field(description="Texts.")
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None = Field(description="Of the calls whose cost is known; null where none is.")
    unpriced_calls: int
    median_ms: float | None
    p95_ms: float | None


class BudgetView(BaseModel):
    """The tenant's money of this month (UTC), in USD."""

    month: date
    spent_usd: float
    reserved_usd: float
    limit_usd: float | None = Field(description="null without a budget.")
    unpriced_calls: int


class UsageView(BaseModel):
    """Usage of a period."""

    start: datetime
    end: datetime
    by: Group
    rows: list[LineView]
    total: LineView
    budget: BudgetView


class PolicyChange(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    allow_external: bool | None = None
    mask: bool | None = None
    allow_private_addresses: bool | None = None
    monthly_budget_usd: Decimal | None = Field(default=None, ge=0, lt=10**8, description="null lifts the budget.")
    on_exhausted: Exhausted | None = None
    allow_unpriced: bool | None = None


@router.get("/usage", **needs(Role.VIEWER))
def get_usage(
    asked: Asked,
    period: Annotated[str, Query(description="24h, 7d, 4w, 3m, or two days: 2026-11-01..2026-11-30 (UTC).")] = "7d",
    by: Group = Group.PROVIDER,
) -> UsageView:
    """What calls have used and cost, and this month's budget."""
    found = asked.tenant.usage(period, by.value)
    return UsageView(
        start=found.period.start,
        end=found.period.end,
        by=by,
        rows=[_line(line) for line in found.lines],
        total=_line(found.total),
        budget=BudgetView.model_validate(found.budget, from_attributes=True),
    )


@router.get("/policy", **needs(Role.VIEWER))
def get_policy(asked: Asked) -> TenantPolicy:
    """What the tenant allows its providers."""
    return policies.get(asked.platform.database, asked.tenant.id)


@router.patch("/policy", **needs(Role.ADMIN))
def change_policy(asked: Asked, change: PolicyChange) -> TenantPolicy:
    """Change what the tenant allows; fields that are left out stay."""
    said: dict[str, Any] = change.model_dump(include=change.model_fields_set)
    changes = {name: value for name, value in said.items() if value is not None or name == "monthly_budget_usd"}
    if changes:
        policies.save(asked.platform.database, asked.tenant.id, None, changes)
    return get_policy(asked)


def _line(line: Line) -> LineView:
    figures = line.figures
    own = {name: getattr(figures, name) for name in LineView.model_fields if hasattr(figures, name)}
    return LineView(**{**own, "key": line.key, "median_ms": line.median_ms, "p95_ms": line.p95_ms})
