"""Embedding spaces and their vectors, one row per distinct text."""

from datetime import datetime
from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, BigKey, Now, TenantOwned


class EmbeddingSpace(TenantOwned, Base):
    """All vectors that may be compared: one tenant, model, revision, precision and preprocessing.

    Built beside the active one, promoted in its place; the one before stays `previous` until it is retired. A space
    that is `held` was rolled back from: it is not promoted again by itself.
    """

    __tablename__ = "embedding_spaces"
    __table_args__ = (
        CheckConstraint("status IN ('building', 'active', 'previous', 'retired')", name="status"),
        Index(
            "uq_embedding_spaces_active",
            "tenant_id",
            unique=True,
            postgresql_where=text("status = 'active'"),
        ),
    )

    id: Mapped[BigKey]
    provider: Mapped[str]
    model: Mapped[str]
    model_revision: Mapped[str]
    dimensions: Mapped[int]
    precision: Mapped[str]
    preprocessing: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[Now]
    cut: Mapped[str]
    made_by: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    promoted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    held: Mapped[bool] = mapped_column(server_default="false")


class EmbeddingVector(Base):
    """The vector of one text; LIST-partitioned by space, chunks refer to it by content hash.

    A partition's bound and constraints hold space and tenant: a foreign key for each would be checked row by row.
    """

    __tablename__ = "embeddings"
    __table_args__ = ({"postgresql_partition_by": "LIST (space_id)"},)

    space_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    embedding: Mapped[bytes] = mapped_column(HALFVEC())
    created_at: Mapped[Now]
    tenant_id: Mapped[int]


class CachedVector(TenantOwned, Base):
    """A vector whose passages are gone; taken back when they return."""

    __tablename__ = "embedding_cache"

    space_id: Mapped[int] = mapped_column(ForeignKey("embedding_spaces.id", ondelete="CASCADE"), primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    embedding: Mapped[bytes] = mapped_column(HALFVEC())
    removed_at: Mapped[Now]


class EmbeddingFailure(TenantOwned, Base):
    """A text that could not be embedded; the next run tries it again."""

    __tablename__ = "embedding_failures"

    space_id: Mapped[int] = mapped_column(ForeignKey("embedding_spaces.id", ondelete="CASCADE"), primary_key=True)
    content_hash: Mapped[bytes] = mapped_column(primary_key=True)
    attempts: Mapped[int] = mapped_column(server_default="1")
    error: Mapped[str]
    failed_at: Mapped[Now]
