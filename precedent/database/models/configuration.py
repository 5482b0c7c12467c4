"""Tenants and what they have configured."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, BigKey, Now, TenantOwned


class Tenant(Base):
    """An organisation or team whose rows nobody else sees."""

    __tablename__ = "tenants"
    __table_args__ = (CheckConstraint("name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'", name="name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[Now]


class Integration(TenantOwned, Base):
    """Something a tenant has connected; `type` tells which subclass a row is."""

    __tablename__ = "integrations"
    __table_args__ = (
        UniqueConstraint("tenant_id", "type", "name"),
        UniqueConstraint("tenant_id", "capability", "id"),
        ForeignKeyConstraint(
            ["tenant_id", "capability", "fallback_id"],
            ["integrations.tenant_id", "integrations.capability", "integrations.id"],
            name="fk_integrations_fallback",
            ondelete="SET NULL (fallback_id)",
        ),
        Index(
            "uq_integrations_active",
            "tenant_id",
            "capability",
            unique=True,
            postgresql_where=text("type = 'ai_provider' AND is_active"),
        ),
        CheckConstraint("capability IN ('embedding', 'text_generation')", name="capability"),
        CheckConstraint("(type = 'ai_provider') = (capability IS NOT NULL)", name="provider_capability"),
        CheckConstraint("fallback_id <> id", name="not_its_own_fallback"),
        CheckConstraint("name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'", name="name"),
    )
    __mapper_args__ = {"polymorphic_on": "type"}  # noqa: RUF012

    id: Mapped[BigKey]
    type: Mapped[str]
    name: Mapped[str]
    provider: Mapped[str]
    configuration: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    description: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default="true")
    revision: Mapped[int] = mapped_column(server_default="1")
    capability: Mapped[str | None]
    base_url: Mapped[str | None]
    credentials: Mapped[str | None]
    model: Mapped[str | None]
    model_config: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    performance_config: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    cost_config: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    fallback_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    created_at: Mapped[Now]
    updated_at: Mapped[Now]


class DataSource(Integration):
    """Where raw records come from; `provider` is the source kind (`archive`, `git`)."""

    __mapper_args__ = {"polymorphic_identity": "data_source"}  # noqa: RUF012
