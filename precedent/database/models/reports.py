"""What was measured and what was recommended."""

from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from precedent.database.models.base import Base, BigKey, Now, SourceOwned, TenantOwned


class QualityReport(SourceOwned, Base):
    """How good a source's vectors are; `manifest` is the digest of what was measured.

    The newest of a source and space keeps its plot, the `figures` it is drawn from, and a `sample` of vectors as
    halves of `measures.dimensions` each.
    """

    __tablename__ = "quality_reports"
    __table_args__ = (Index("ix_quality_reports_source_id_created_at", "source_id", "created_at"),)

    id: Mapped[BigKey]
    space_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("embedding_spaces.id", ondelete="CASCADE"), index=True)
    manifest: Mapped[str]
    score: Mapped[float]
    passed: Mapped[bool]
    measures: Mapped[dict[str, Any]]
    gates: Mapped[list[dict[str, Any]]]
    plot: Mapped[bytes | None]
    created_at: Mapped[Now]
    figures: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    sample: Mapped[bytes | None]


class QualityThresholds(TenantOwned, Base):
    """When the gates of a report fail: of a tenant, or of one source, which goes first."""

    __tablename__ = "quality_thresholds"
    __table_args__ = (
        Index("uq_quality_thresholds_tenant_id", "tenant_id", unique=True, postgresql_where=text("source_id IS NULL")),
        Index(
            "uq_quality_thresholds_source_id", "source_id", unique=True, postgresql_where=text("source_id IS NOT NULL")
        ),
        CheckConstraint("jsonb_typeof(thresholds) = 'object'", name="thresholds"),
    )

    id: Mapped[BigKey]
    source_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("integrations.id", ondelete="CASCADE"))
    thresholds: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    updated_at: Mapped[Now]


class AnalysisRun(SourceOwned, Base):
    """One incident looked at once: who was asked, who answered, with what evidence."""

    __tablename__ = "analysis_runs"
    __table_args__ = (
        Index("ix_analysis_runs_source_id_external_id_created_at", "source_id", "external_id", "created_at"),
        CheckConstraint("status IN ('succeeded', 'failed')", name="status"),
    )

    id: Mapped[BigKey]
    external_id: Mapped[str]
    input_hash: Mapped[bytes]
    provider_asked: Mapped[str]
    provider_served: Mapped[str | None]
    model: Mapped[str | None]
    prompt_version: Mapped[str]
    status: Mapped[str]
    error: Mapped[str | None]
    recommendations: Mapped[list[dict[str, Any]]]
    evidence: Mapped[list[dict[str, Any]]]
    input_tokens: Mapped[int] = mapped_column(server_default="0")
    output_tokens: Mapped[int] = mapped_column(server_default="0")
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(18, 10))
    duration_ms: Mapped[float]
    dagster_run_id: Mapped[str | None]
    created_at: Mapped[Now]
    fallback_reason: Mapped[str | None]
    provider_revision: Mapped[str | None]
    config: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    masked: Mapped[int] = mapped_column(server_default="0")
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(server_default="[]")
