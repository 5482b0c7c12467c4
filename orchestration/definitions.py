"""The code location: what exists, put together. It does no input or output."""

import dagster as dg

from assets.checks import layers
from assets.incidents.recommendations import recommendations
from assets.raw.records import raw_records
from assets.reports.vector_quality import vector_quality
from assets.text.chunks import chunks
from assets.text.documents import documents
from assets.vectors.embeddings import embeddings
from orchestration.jobs import refresh
from resources.platform import DatabaseResource, EmbedderResource

defs = dg.Definitions(
    assets=[raw_records, documents, chunks, embeddings, vector_quality, recommendations],
    asset_checks=layers.ALL,
    jobs=[refresh],
    resources={"database": DatabaseResource(), "embedder": EmbedderResource()},
    # The steps of a run share one process: the model is loaded once, and a step costs no start of Python.
    executor=dg.in_process_executor,
)
