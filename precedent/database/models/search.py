"""What the lexical leg of search reads: the words of documents, and how many documents have each."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, Strings, TenantOwned


class DocumentWords(TenantOwned, Base):
    """The words of one document with the class of their frequency, and the facts that search filters by.

    `version` is the analyser's; `length` counts words. The facts repeat those of the document, state, author and
    labels in lower case. There is no foreign key to the source: the document's own does that.
    """

    __tablename__ = "document_words"
    __table_args__ = (Index("ix_document_words_words", "words", postgresql_using="gin"),)

    document_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    source_id: Mapped[int] = mapped_column(BigInteger, index=True)
    length: Mapped[int]
    version: Mapped[int]
    kind: Mapped[str]
    created_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    state: Mapped[str | None]
    author: Mapped[str | None]
    labels: Mapped[Strings]
    words: Mapped[str] = mapped_column(TSVECTOR)


class LexemeCount(Base):
    """How many of a tenant's documents have a lexeme so often; kept by the triggers of `document_words`."""

    __tablename__ = "lexeme_counts"

    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    lexeme: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    documents: Mapped[int]


class CorpusCount(Base):
    """How many documents a tenant has, and the words in all of them; kept likewise."""

    __tablename__ = "corpus_counts"

    tenant_id: Mapped[int] = mapped_column(
        ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    documents: Mapped[int] = mapped_column(BigInteger)
    length: Mapped[int] = mapped_column(BigInteger)
