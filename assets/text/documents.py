"""`text/documents`: one clean text per raw item."""

from collections.abc import Sequence

import dagster as dg

from assets.definition import source_asset
from assets.raw.records import KEYS as RAW
from assets.refresh_config import RefreshConfig
from assets.row_metadata import materialized
from precedent.database import statistics
from precedent.database.refusals import write_sound
from precedent.progress import Progress
from precedent.search.words import WORDS_VERSION, save_comment_words, save_words
from precedent.sources import registry
from precedent.sources.records import RawKind
from precedent.sources.sync import rejections
from precedent.text import comments
from precedent.text import documents as store
from precedent.text.comments import CommentRow, comment_rows
from precedent.text.documents import EXTRACTOR_VERSION, DocumentRow, document_rows
from resources.database import DatabaseResource

# Both decide what is made of a record: its text, and the words that search finds it by.
VERSION = f"{EXTRACTOR_VERSION}/{WORDS_VERSION}"


@source_asset(
    "text/documents",
    deps=[key.to_user_string() for key in RAW.values()],
    code_version=VERSION,
)
def documents(
    context: dg.AssetExecutionContext, config: RefreshConfig, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """One clean text per issue, pull request, commit, incident and release, with the facts that search filters by.

    Comments are texts of their own, which lead to their item. Skips items and comments whose payload and extractor are
    those that the text was made from. One of which no text can be made is counted among the rejected records, and tried
    again by the next run.
    """
    source = database.source(context.partition_key)
    added = changed = empty = 0
    failed: list[tuple[str, str, Exception]] = []
    with database.connection(source, alone=True) as connection:
        deleted = store.remove_deleted(connection, source.id)
        comments.remove_deleted(connection, source.id)
        ids = store.pending(
            connection, source.id, EXTRACTOR_VERSION, WORDS_VERSION, config.bounds(), everything=config.full_refresh
        )
        connection.commit()
        progress = Progress("documents", len(ids), context.log.info)

        def write(rows: Sequence[DocumentRow]) -> None:
            nonlocal added, changed, empty
            new, altered = store.write(connection, source.tenant_id, source.id, rows)
            save_words(connection, source.tenant_id, rows)
            save_comment_words(connection, source.tenant_id, comments.save_carried(connection, rows, VERSION))
            added, changed = added + new, changed + altered
            empty += sum(not row.text for row in rows)

        for batch in store.batches(connection, ids):
            rows, unread = document_rows(store.read(connection, batch, EXTRACTOR_VERSION), registry.extract)
            refused = write_sound(connection, rows, write)
            failed += [(item.kind, item.external_id, error) for item, error in unread]
            failed += [(row.kind, row.external_id, error) for row, error in refused]
            connection.commit()
            progress.advance(len(batch))

        def write_comments(rows: Sequence[CommentRow]) -> None:
            save_comment_words(connection, source.tenant_id, comments.save(connection, rows))

        said = comments.pending(connection, source.id, VERSION, everything=config.full_refresh)
        for batch in store.batches(connection, said):
            spoken, unheard = comment_rows(comments.read(connection, batch, VERSION), registry.extract)
            unsaved = write_sound(connection, spoken, write_comments)
            failed += [(RawKind.COMMENT, item.external_id, error) for item, error in unheard]
            failed += [(RawKind.COMMENT, row.external_id, error) for row, error in unsaved]
            connection.commit()
        rejections.replace_no_text(connection, source.tenant_id, source.id, failed)
        statistics.after_load(connection, "documents", added + changed)
        statistics.after_load(connection, "comments", len(said))
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
        metadata={"text/without_body": empty, "text/comments": len(said), "text/failed": len(failed)},
    )
