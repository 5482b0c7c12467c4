"""`text/chunks`: passages that fit the model's window."""

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import OWNERS, row_metadata
from precedent.database import statistics
from precedent.progress import Progress, slices
from precedent.text import chunks as store
from precedent.text.chunking import CHUNKER_VERSION
from resources.platform import DatabaseResource, EmbedderResource, as_failure

BATCH = 1_000


@dg.asset(
    key=["text", "chunks"],
    deps=[dg.AssetKey(["text", "documents"]), dg.AssetKey(["config", "embedding_profile"])],
    group_name="text",
    kinds={"postgres", "huggingface"},
    owners=OWNERS,
    code_version=CHUNKER_VERSION,
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def chunks(
    context: dg.AssetExecutionContext,
    config: RefreshConfig,
    database: DatabaseResource,
    embedder: EmbedderResource,
) -> dg.MaterializeResult[None]:
    """Passages that fit the embedding model's window by its own tokenizer, each with its document's title.

    Skips documents whose text, chunker and window are those the passages were cut by.
    """
    source = database.source(context.partition_key)
    provider = embedder.of(context, database.database, source)
    with as_failure():
        # Known without the tokenizer, which is loaded only where there is something to cut.
        cut_name = provider.profile.cut
    written = replaced = 0
    with database.database.bulk(source.tenant_id, alone_on=source.id) as connection:
        ids = store.pending(connection, source.id, cut_name, CHUNKER_VERSION, everything=config.full_refresh)
        progress = Progress("chunks", len(ids), context.log.info)
        for batch in slices(ids, BATCH):
            found = store.read(connection, batch)
            rows = store.cut(found, provider.counter)
            written += store.replace(connection, source.tenant_id, source.id, batch, rows, cut_name, CHUNKER_VERSION)
            connection.commit()
            replaced += len(batch)
            progress.advance(len(batch))
        for table, rows_written in (("chunks", written), ("document_cuts", replaced)):
            statistics.after_load(connection, table, rows_written)
        total, tokens, digest = store.manifest(connection, source.id, cut_name)
    metadata = row_metadata("chunks", total, added=written, unchanged=total - written, seconds=progress.seconds)
    metadata["documents/cut"] = dg.MetadataValue.int(replaced)
    metadata["tokens/input"] = dg.MetadataValue.int(tokens)
    metadata["chunks/cut"] = dg.MetadataValue.text(cut_name)
    metadata["model/window"] = dg.MetadataValue.int(provider.window)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(digest))
