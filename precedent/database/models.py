"""The tables that are asked through SQLAlchemy; `schema/tables` has all of them, with constraints and reasons.

`Moment`, `Flag`, `Count`, `Json` and `Strings` are columns with a default, so that a row may be added without them; the
value of the default stands in the schema.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, Identity, Numeric, Text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

BigKey = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
BigReference = Annotated[int, mapped_column(BigInteger)]
Moment = Annotated[datetime, mapped_column(server_default=FetchedValue())]
Flag = Annotated[bool, mapped_column(server_default=FetchedValue())]
Count = Annotated[int, mapped_column(server_default=FetchedValue())]
Json = Annotated[dict[str, Any], mapped_column(server_default=FetchedValue())]
Strings = Annotated[list[str], mapped_column(server_default=FetchedValue())]


class Base(DeclarativeBase):
    """Base of all models."""

    type_annotation_map = {  # noqa: RUF012 - declared by SQLAlchemy as a plain class attribute
        str: Text,
        bytes: BYTEA,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class Tenant(Base):
    """An organisation or team whose rows no other tenant sees."""

    __tablename__ = "tenants"

    id: Mapped[int] = mapped_column(primary_key=True, server_default=FetchedValue())
    name: Mapped[str]
    created_at: Mapped[Moment]


class Installation(Base):
    """This platform among several that share a vector store; one row, made with the schema."""

    __tablename__ = "installation"

    only_one: Mapped[bool] = mapped_column(primary_key=True, server_default=FetchedValue())
    id: Mapped[UUID] = mapped_column(server_default=FetchedValue())


class Integration(Base):
    """Something that a tenant has connected; `type` tells which subclass a row is."""

    __tablename__ = "integrations"
    __mapper_args__ = {"polymorphic_on": "type"}  # noqa: RUF012

    id: Mapped[BigKey]
    tenant_id: Mapped[int]
    type: Mapped[str]
    name: Mapped[str]
    provider: Mapped[str]
    configuration: Mapped[Json]
    description: Mapped[str | None]
    is_active: Mapped[Flag]
    revision: Mapped[Count]
    capability: Mapped[str | None]
    base_url: Mapped[str | None]
    credentials: Mapped[str | None]
    model: Mapped[str | None]
    model_config: Mapped[Json]
    performance_config: Mapped[Json]
    cost_config: Mapped[Json]
    fallback_id: Mapped[BigReference | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]


class DataSource(Integration):
    """Where raw records come from; `provider` is the source kind (`archive`, `git`)."""

    __mapper_args__ = {"polymorphic_identity": "data_source"}  # noqa: RUF012


class IntelligenceProvider(Integration):
    """An endpoint for embeddings or text; `provider` is its driver."""

    __mapper_args__ = {"polymorphic_identity": "ai_provider"}  # noqa: RUF012


class VectorStore(Integration):
    """A server that holds a copy of a tenant's vectors; `provider` is its kind (`qdrant`)."""

    __mapper_args__ = {"polymorphic_identity": "vector_store"}  # noqa: RUF012


class Document(Base):
    """One clean text per raw item, with the facts that search filters by."""

    __tablename__ = "documents"

    id: Mapped[BigKey]
    raw_item_id: Mapped[BigReference]
    source_id: Mapped[BigReference]
    tenant_id: Mapped[int]
    kind: Mapped[str]
    external_id: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]
    state: Mapped[str | None]
    type: Mapped[str | None]
    priority: Mapped[str | None]
    resolution: Mapped[str | None]
    labels: Mapped[Strings]
    components: Mapped[Strings]
    author: Mapped[str | None]
    url: Mapped[str | None]
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    input_hash: Mapped[bytes]
    content_hash: Mapped[bytes]
    extracted_at: Mapped[Moment]


class Preference(Base):
    """Which of a tenant's providers a kind of work prefers."""

    __tablename__ = "ai_preferences"

    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    capability: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    strategy: Mapped[str]
    prefer: Mapped[Strings]
    updated_at: Mapped[Moment]


class Policy(Base):
    """What a tenant (no source) or one of its sources allows; a budget belongs to the tenant."""

    __tablename__ = "ai_policies"

    id: Mapped[BigKey]
    tenant_id: Mapped[int]
    source_id: Mapped[BigReference | None]
    allow_external: Mapped[Flag]
    mask: Mapped[Flag]
    allow_private_addresses: Mapped[Flag]
    monthly_budget_usd: Mapped[Decimal | None] = mapped_column(Numeric(18, 10))
    on_exhausted: Mapped[str] = mapped_column(server_default=FetchedValue())
    allow_unpriced: Mapped[Flag]
    updated_at: Mapped[Moment]


class ProviderHealth(Base):
    """The breaker and the limiter of one provider, shared by all processes."""

    __tablename__ = "provider_health"

    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str]
    failures: Mapped[Count]
    open_until: Mapped[datetime | None]
    reason: Mapped[str | None]
    error: Mapped[str | None]
    latency_ms: Mapped[float | None]
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    requests_free_at: Mapped[datetime | None]
    tokens_free_at: Mapped[datetime | None]
    wait_until: Mapped[datetime | None]


class VectorStoreSpace(Base):
    """A space as a store has it; search may ask the store for it only while it is `ready`."""

    __tablename__ = "vector_store_spaces"

    store_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    tenant_id: Mapped[int]
    collection: Mapped[str]
    ready: Mapped[Flag]
    reason: Mapped[str | None]
    recall: Mapped[float | None]
    compared_at: Mapped[datetime | None]
