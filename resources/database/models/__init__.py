"""The tables, as SQLAlchemy models; the migrations create them, a test holds the two together."""

from resources.database.models.base import Base
from resources.database.models.configuration import DataSource, Integration, Tenant
from resources.database.models.providers import (
    BudgetMonth,
    BudgetReservation,
    IntelligenceProvider,
    Policy,
    Preference,
    ProviderHealth,
    UsageRecord,
)
from resources.database.models.raw import RawItem, RejectedRecord, SyncState
from resources.database.models.reports import AnalysisRun, QualityReport, QualityThresholds
from resources.database.models.search import CorpusCount, DocumentWords, LexemeCount
from resources.database.models.stores import Installation, VectorStore, VectorStoreRow, VectorStoreSpace
from resources.database.models.text import Chunk, Document, DocumentCut
from resources.database.models.vectors import CachedVector, EmbeddingFailure, EmbeddingSpace, EmbeddingVector

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
