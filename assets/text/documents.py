"""`text/documents`: one clean text per raw item."""

import dagster as dg

from assets.definition import source_asset
from assets.raw.records import KEYS as RAW
from assets.refresh_config import RefreshConfig
from assets.row_metadata import materialized
from precedent.database import statistics
from precedent.progress import Progress, slices
from precedent.search.words import WORDS_VERSION, save_words
from precedent.sources import registry
from precedent.text import documents as store
from precedent.text.documents import EXTRACTOR_VERSION, document_row
from resources.database import DatabaseResource

BATCH = 500


@source_asset(
    "text/documents",
    deps=[key.to_user_string() for key in RAW.values()],
    # Both decide what is made of a record: its text, and the words that search finds it by.
    code_version=f"{EXTRACTOR_VERSION}/{WORDS_VERSION}",
)
def documents(
    context: dg.AssetExecutionContext, config: RefreshConfig, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """One clean text per issue, pull request, commit, incident and release, with the facts that search filters by.

    Skips items whose payload, newest comments and extractor are those that the text was made from.
    """
    source = database.source(context.partition_key)
    added = changed = empty = 0
    with database.connection(source, alone=True) as connection:
        deleted = store.remove_deleted(connection, source.id)
        ids = store.pending(
            connection, source.id, EXTRACTOR_VERSION, WORDS_VERSION, config.bounds(), everything=config.full_refresh
        )
        connection.commit()
        progress = Progress("documents", len(ids), context.log.info)
        for batch in slices(ids, BATCH):
            rows = [document_row(item, registry.extract) for item in store.read(connection, batch, EXTRACTOR_VERSION)]
            new, altered = store.write(connection, source.tenant_id, source.id, rows)
            save_words(connection, source.tenant_id, rows)
            connection.commit()
            added, changed = added + new, changed + altered
            empty += sum(not row.text for row in rows)
            progress.advance(len(batch))
        statistics.after_load(connection, "documents", added + changed)
        total, digest = store.manifest(connection, source.id)
    return materialized(
        "documents",
        total,
        digest,
        added=added,
        changed=changed,
        unchanged=total - added - changed,
        deleted=deleted,
        seconds=progress.seconds,
        metadata={"text/without_body": empty},
    )
