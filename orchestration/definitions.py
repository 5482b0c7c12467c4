"""The code location: what exists, put together. It does no input or output."""

import dagster as dg

from assets.checks import layers, providers, qdrant
from assets.config.providers import embedding_profile, intelligence_provider
from assets.incidents.recommendations import recommendations
from assets.raw.records import raw_records
from assets.reports.usage_cost import usage_cost
from assets.reports.vector_quality import vector_quality
from assets.text.chunks import chunks
from assets.text.documents import documents
from assets.vectors.embeddings import embeddings
from assets.vectors.qdrant_index import qdrant_index
from orchestration.jobs import check_providers, observe_configuration, refresh, report_usage
from resources.platform import DatabaseResource, EmbedderResource, ProviderRegistryResource, RecommenderResource

defs = dg.Definitions(
    assets=[
        embedding_profile,
        intelligence_provider,
        raw_records,
        documents,
        chunks,
        embeddings,
        qdrant_index,
        vector_quality,
        recommendations,
        usage_cost,
    ],
    asset_checks=[*layers.ALL, *providers.ALL, *qdrant.ALL],
    jobs=[refresh, observe_configuration, check_providers, report_usage],
    resources={
        "database": DatabaseResource(),
        "provider_registry": ProviderRegistryResource(),
        "embedder": EmbedderResource(),
        "recommender": RecommenderResource(),
    },
    # The steps of a run share one process: the model is loaded once, and a step costs no start of Python.
    executor=dg.in_process_executor,
)
