"""Documents and the passages they are cut into."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, BigKey, Now, SourceOwned, Strings


class Document(SourceOwned, Base):
    """One clean text per raw item, with the facts that search filters by.

    `input_hash` covers the payloads and the extractor's version, `content_hash` title and text.
    """

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("raw_item_id"),
        Index("ix_documents_source_id_kind_external_id", "source_id", "kind", "external_id"),
        Index("ix_documents_tenant_id_external_id", "tenant_id", "external_id"),
        Index("ix_documents_incidents", "tenant_id", "source_id", postgresql_where=text("kind = 'incident'")),
    )

    id: Mapped[BigKey]
    raw_item_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("raw_items.id", ondelete="CASCADE"))
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
    created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    input_hash: Mapped[bytes]
    content_hash: Mapped[bytes]
    extracted_at: Mapped[Now]


class Chunk(SourceOwned, Base):
    """A passage that fits the model's window, its document's title above it."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("document_id", "cut", "ordinal"),
        Index("ix_chunks_tenant_id_content_hash", "tenant_id", "content_hash"),
    )

    id: Mapped[BigKey]
    document_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("documents.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    text: Mapped[str]
    tokens: Mapped[int]
    content_hash: Mapped[bytes]
    cut: Mapped[str]


class DocumentCut(SourceOwned, Base):
    """What a document's passages were made from: its content hash and the chunker's version, for each way of cutting.

    A cut is named by the model and its window; two spaces whose models read alike share one.
    """

    __tablename__ = "document_cuts"

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )
    cut: Mapped[str] = mapped_column(primary_key=True)
    made_from: Mapped[bytes]
