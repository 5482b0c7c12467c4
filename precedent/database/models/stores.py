"""Vector stores beside PostgreSQL, and what of a tenant's vectors is in them."""

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, Moment, TenantOwned
from precedent.database.models.configuration import Integration


class VectorStore(Integration):
    """A server that holds a copy of a tenant's vectors; `provider` is its kind (`qdrant`)."""

    __mapper_args__ = {"polymorphic_identity": "vector_store"}  # noqa: RUF012


Index(
    "uq_integrations_active_vector_store",
    Integration.tenant_id,
    unique=True,
    postgresql_where=text("type = 'vector_store' AND is_active"),
)


class Installation(Base):
    """This platform among several that share a server; one row, made with the schema."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("only_one", name="only_one"),)

    only_one: Mapped[bool] = mapped_column(primary_key=True, server_default="true")
    id: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))


class VectorStoreSpace(TenantOwned, Base):
    """A space as a store has it; search may ask the store for it only while it is `ready`."""

    __tablename__ = "vector_store_spaces"

    store_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("integrations.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    space_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    collection: Mapped[str]
    ready: Mapped[bool] = mapped_column(server_default="false")
    reason: Mapped[str | None]
    recall: Mapped[float | None]
    compared_at: Mapped[Moment | None]


class VectorStoreRow(TenantOwned, Base):
    """A vector that a store holds; `version` is the moment of the vector that was written there."""

    __tablename__ = "vector_store_rows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["store_id", "space_id"],
            ["vector_store_spaces.store_id", "vector_store_spaces.space_id"],
            name="fk_vector_store_rows_space",
            ondelete="CASCADE",
        ),
    )

    store_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    space_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    version: Mapped[Moment]
