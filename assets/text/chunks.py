"""`text/chunks`: passages that fit the model's window."""

import dagster as dg

from assets.definition import source_asset
from assets.refresh_config import RefreshConfig
from assets.row_metadata import materialized
from precedent.database import statistics
from precedent.progress import Progress, slices
from precedent.text import chunks as store
from precedent.text.chunking import CHUNKER_VERSION
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.failure import as_failure

BATCH = 1_000


@source_asset(
    "text/chunks",
    deps=["text/documents", "config/embedding_profile"],
    kinds=("postgres", "huggingface"),
    code_version=CHUNKER_VERSION,
)
def chunks(
    context: dg.AssetExecutionContext, config: RefreshConfig, database: DatabaseResource, embedder: EmbedderResource
) -> dg.MaterializeResult[None]:
    """Passages that fit the embedding model's window by its own tokenizer, each with its document's title.

    A comment has passages of its own, so that an edit of it touches no other. Skips texts that, with their title,
    chunker and window, are those that the passages were cut from.
    """
    source = database.source(context.partition_key)
    provider = embedder.for_source(context, database.database, source)
    with as_failure():
        # Known without the tokenizer, which is loaded only where there is something to cut.
        cut = provider.profile.cut
    written = replaced = 0
    with database.connection(source, alone=True) as connection:
        pending = {
            of: store.pending(connection, of, source.id, cut, CHUNKER_VERSION, everything=config.full_refresh)
            for of in (store.DOCUMENTS, store.COMMENTS)
        }
        progress = Progress("chunks", sum(map(len, pending.values())), context.log.info)
        for of, ids in pending.items():
            for batch in slices(ids, BATCH):
                rows = store.cut(store.read(connection, of, batch), provider.counter, provider.prepared)
                written += store.replace(connection, of, source.tenant_id, source.id, batch, rows, cut, CHUNKER_VERSION)
                connection.commit()
                replaced += len(batch)
                progress.advance(len(batch))
        statistics.after_load(connection, "chunks", written)
        statistics.after_load(connection, "document_cuts", replaced)
        total, tokens, digest = store.manifest(connection, source.id, cut)
    return materialized(
        "chunks",
        total,
        digest,
        added=written,
        unchanged=total - written,
        seconds=progress.seconds,
        metadata={
            "documents/cut": replaced,
            "tokens/input": tokens,
            "chunks/cut": cut,
            "model/window": provider.window,
        },
    )
