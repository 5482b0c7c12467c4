"""The tables, as SQLAlchemy models; the migrations create them, a test holds the two together."""

from precedent.database.models.base import Base
from precedent.database.models.configuration import DataSource, Integration, Tenant
from precedent.database.models.providers import (
    BudgetMonth,
    BudgetReservation,
    IntelligenceProvider,
    Policy,
    Preference,
    ProviderHealth,
    UsageRecord,
)
from precedent.database.models.raw import RawItem, RejectedRecord, SyncState
from precedent.database.models.reports import AnalysisRun, QualityReport, QualityThresholds
from precedent.database.models.search import CorpusCount, DocumentWords, LexemeCount
from precedent.database.models.stores import Installation, VectorStore, VectorStoreRow, VectorStoreSpace
from precedent.database.models.text import Chunk, Document, DocumentCut
from precedent.database.models.vectors import CachedVector, EmbeddingFailure, EmbeddingSpace, EmbeddingVector

__all__ = [
    "AnalysisRun",
    "Base",
    "BudgetMonth",
    "BudgetReservation",
    "CachedVector",
    "Chunk",
    "CorpusCount",
    "DataSource",
    "Document",
    "DocumentCut",
    "DocumentWords",
    "EmbeddingFailure",
    "EmbeddingSpace",
    "EmbeddingVector",
    "Installation",
    "Integration",
    "IntelligenceProvider",
    "LexemeCount",
    "Policy",
    "Preference",
    "ProviderHealth",
    "QualityReport",
    "QualityThresholds",
    "RawItem",
    "RejectedRecord",
    "SyncState",
    "Tenant",
    "UsageRecord",
    "VectorStore",
    "VectorStoreRow",
    "VectorStoreSpace",
]
