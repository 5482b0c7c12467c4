"""AI providers, what a tenant allows them, and what they cost."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, BigKey, Moment, Now, Strings, TenantOwned
from precedent.database.models.configuration import Integration

Money = Numeric(18, 10)


class IntelligenceProvider(Integration):
    """An endpoint for embeddings or text; `provider` is its driver."""

    __mapper_args__ = {"polymorphic_identity": "ai_provider"}  # noqa: RUF012


class Preference(TenantOwned, Base):
    """Which of a tenant's providers a kind of work prefers."""

    __tablename__ = "ai_preferences"
    __table_args__ = (
        CheckConstraint("capability IN ('embedding', 'text_generation')", name="capability"),
        CheckConstraint("route IN ('etl', 'interactive')", name="route"),
        CheckConstraint("strategy IN ('active', 'prefer', 'auto')", name="strategy"),
    )

    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    capability: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    strategy: Mapped[str]
    prefer: Mapped[Strings]
    updated_at: Mapped[Now]


class Policy(TenantOwned, Base):
    """What a tenant, or one of its sources, allows; a budget belongs to the tenant."""

    __tablename__ = "ai_policies"
    __table_args__ = (
        UniqueConstraint("tenant_id", "source_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("monthly_budget_usd >= 0", name="budget"),
        CheckConstraint("on_exhausted IN ('stop', 'free')", name="on_exhausted"),
        CheckConstraint("source_id IS NULL OR monthly_budget_usd IS NULL", name="source_scope"),
    )

    id: Mapped[BigKey]
    source_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("integrations.id", ondelete="CASCADE"), index=True
    )
    allow_external: Mapped[bool] = mapped_column(server_default="true")
    mask: Mapped[bool] = mapped_column(server_default="false")
    allow_private_addresses: Mapped[bool] = mapped_column(server_default="true")
    monthly_budget_usd: Mapped[Decimal | None] = mapped_column(Money)
    on_exhausted: Mapped[str] = mapped_column(server_default="stop")
    allow_unpriced: Mapped[bool] = mapped_column(server_default="false")
    updated_at: Mapped[Now]


class UsageRecord(TenantOwned, Base):
    """One call to a provider, made or refused: tokens, cost and where the price came from."""

    __tablename__ = "usage_records"
    __table_args__ = (
        UniqueConstraint("tenant_id", "call_id"),
        Index("ix_usage_records_tenant_id_created_at", "tenant_id", "created_at"),
        CheckConstraint("status IN ('succeeded', 'failed', 'refused')", name="status"),
        CheckConstraint("operation IN ('embed', 'generate', 'check')", name="operation"),
        CheckConstraint("cost_usd >= 0", name="cost"),
    )

    id: Mapped[BigKey]
    call_id: Mapped[UUID]
    created_at: Mapped[Now]
    provider: Mapped[str]
    driver: Mapped[str]
    model: Mapped[str]
    revision: Mapped[str]
    operation: Mapped[str]
    route: Mapped[str]
    inputs: Mapped[int] = mapped_column(server_default="0")
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cached_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    tokens_estimated: Mapped[bool] = mapped_column(server_default="false")
    cost_usd: Mapped[Decimal | None] = mapped_column(Money)
    cost_source: Mapped[str | None]
    input_price_usd: Mapped[Decimal | None] = mapped_column(Money)
    output_price_usd: Mapped[Decimal | None] = mapped_column(Money)
    cached_price_usd: Mapped[Decimal | None] = mapped_column(Money)
    latency_ms: Mapped[float]
    attempts: Mapped[int]
    status: Mapped[str]
    failure: Mapped[str | None]
    http_status: Mapped[int | None]
    masked: Mapped[int] = mapped_column(server_default="0")
    dagster_run_id: Mapped[str | None] = mapped_column(index=True)
    asset: Mapped[str | None]
    partition: Mapped[str | None]


class BudgetMonth(TenantOwned, Base):
    """What a tenant has spent in a month of UTC; kept by a trigger on `usage_records`."""

    __tablename__ = "budget_months"

    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    spent_usd: Mapped[Decimal] = mapped_column(Money, server_default="0")


class BudgetReservation(TenantOwned, Base):
    """Money set aside for a call that is under way; it frees itself when it expires."""

    __tablename__ = "budget_reservations"
    __table_args__ = (
        Index("ix_budget_reservations_tenant_id_month", "tenant_id", "month"),
        CheckConstraint("amount_usd >= 0", name="amount"),
    )

    id: Mapped[BigKey]
    month: Mapped[date]
    amount_usd: Mapped[Decimal] = mapped_column(Money)
    provider: Mapped[str]
    created_at: Mapped[Now]
    expires_at: Mapped[Moment]


class ProviderHealth(TenantOwned, Base):
    """The breaker and the limiter of one provider, shared by all processes."""

    __tablename__ = "provider_health"

    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str]
    failures: Mapped[int] = mapped_column(server_default="0")
    open_until: Mapped[Moment | None]
    reason: Mapped[str | None]
    error: Mapped[str | None]
    latency_ms: Mapped[float | None]
    succeeded_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]
    requests_free_at: Mapped[Moment | None]
    tokens_free_at: Mapped[Moment | None]
    wait_until: Mapped[Moment | None]
