"""Raw items, what was refused, and how far a source has been read."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, BigKey, Now, SourceOwned, Strings

OptionalMoment = DateTime(timezone=True)


class RawItem(SourceOwned, Base):
    """A payload as it came; `deleted_at` is set where the source no longer has it."""

    __tablename__ = "raw_items"
    __table_args__ = (
        UniqueConstraint("source_id", "kind", "external_id"),
        Index("ix_raw_items_source_id_parent_id", "source_id", "parent_id"),
        Index("ix_raw_items_tenant_id", "tenant_id"),
        Index("ix_raw_items_deleted_at", "tenant_id", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    )

    id: Mapped[BigKey]
    kind: Mapped[str]
    shape: Mapped[str]
    external_id: Mapped[str]
    parent_id: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    payload_hash: Mapped[bytes]
    created_at: Mapped[datetime | None] = mapped_column(OptionalMoment)
    updated_at: Mapped[datetime | None] = mapped_column(OptionalMoment)
    notes: Mapped[Strings]
    fetched_at: Mapped[Now]
    deleted_at: Mapped[datetime | None] = mapped_column(OptionalMoment)
    stream: Mapped[str | None]


class RejectedRecord(SourceOwned, Base):
    """A record that could not be read: where it stands and why, never its content."""

    __tablename__ = "rejected_records"
    __table_args__ = (Index("ix_rejected_records_tenant_id", "tenant_id"),)

    id: Mapped[BigKey]
    file: Mapped[str]
    line: Mapped[int]
    reason: Mapped[str]
    detail: Mapped[str]
    created_at: Mapped[Now]


class SyncState(SourceOwned, Base):
    """How far a source has been read: one row for the whole (stream ''), one for each stream of a live source."""

    __tablename__ = "sync_state"
    __table_args__ = (
        UniqueConstraint("source_id", "stream"),
        CheckConstraint("state IN ('ok', 'waiting', 'needs_attention')", name="state"),
        Index("ix_sync_state_tenant_id", "tenant_id"),
    )

    id: Mapped[BigKey]
    fingerprint: Mapped[str | None]
    last_refresh: Mapped[datetime | None] = mapped_column(OptionalMoment)
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    stream: Mapped[str] = mapped_column(server_default="")
    cursor: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(server_default="ok")
    code: Mapped[str | None]
    reason: Mapped[str | None]
    wait_until: Mapped[datetime | None] = mapped_column(OptionalMoment)
    failures: Mapped[int] = mapped_column(server_default="0")
    syncs: Mapped[int] = mapped_column(BigInteger, server_default="0")
    token: Mapped[str | None]
    validators: Mapped[dict[str, Any] | None]
    name: Mapped[str | None]
    revision: Mapped[int | None]
    swept_at: Mapped[datetime | None] = mapped_column(OptionalMoment)
