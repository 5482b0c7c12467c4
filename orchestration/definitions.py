"""The code location: what exists, put together. It does no input or output."""

import dagster as dg

from assets.checks import budgets, layers, providers, qdrant
from assets.config.providers import embedding_profile, intelligence_provider
from assets.incidents.recommendations import recommendations
from assets.raw.records import raw_records
from assets.reports.usage_cost import usage_cost
from assets.reports.vector_quality import vector_quality
from assets.text.chunks import chunks
from assets.text.documents import documents
from assets.vectors.embeddings import embeddings
from assets.vectors.qdrant_index import qdrant_index
from orchestration import schedules
from orchestration.automation import automated, automation
from orchestration.jobs import (
    check_budgets,
    check_providers,
    judge,
    observe_configuration,
    recommend,
    refresh,
    report_usage,
    sync,
)
from orchestration.maintenance.job import maintenance
from orchestration.sensors import sources as source_sensors
from orchestration.sensors.configuration import budget_warnings, provider_configuration
from orchestration.sensors.incidents import incidents_without_analysis
from resources.platform import DatabaseResource, EmbedderResource, ProviderRegistryResource, RecommenderResource

defs = dg.Definitions(
    assets=[
        embedding_profile,
        intelligence_provider,
        raw_records,
        *automated([documents, chunks, embeddings, qdrant_index, vector_quality, recommendations]),
        usage_cost,
    ],
    asset_checks=[*layers.ALL, *providers.ALL, *qdrant.ALL, *budgets.ALL],
    jobs=[
        refresh,
        sync,
        recommend,
        judge,
        observe_configuration,
        check_providers,
        check_budgets,
        report_usage,
        maintenance,
    ],
    sensors=[
        automation,
        source_sensors.follow_table,
        *source_sensors.all_of(),
        incidents_without_analysis,
        provider_configuration,
        budget_warnings,
    ],
    schedules=schedules.ALL,
    resources={
        "database": DatabaseResource(),
        "provider_registry": ProviderRegistryResource(),
        "embedder": EmbedderResource(),
        "recommender": RecommenderResource(),
    },
    # The steps of a run share one process: the model is loaded once, and a step costs no start of Python.
    executor=dg.in_process_executor,
)
