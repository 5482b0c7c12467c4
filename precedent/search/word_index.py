"""The words of documents in PostgreSQL: what the lexical leg of search reads."""

from collections.abc import Iterable
from typing import Any

import psycopg

from precedent.search.words import WORDS_VERSION, document_words
from precedent.text.documents import DocumentRow

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_words (raw_item_id bigint, words text[], length integer) ON COMMIT DELETE ROWS
"""
COPY = "COPY staged_words (raw_item_id, words, length) FROM STDIN"
# What search by words reads: each document's words, and the facts that it filters by.
UPSERT = """
INSERT INTO document_words (document_id, source_id, tenant_id, length, version, kind, created_at, updated_at, state,
                            author, labels, words)
SELECT d.id, d.source_id, d.tenant_id, s.length, %s, d.kind, d.created_at, d.updated_at, lower(d.state),
       lower(d.author), lower(d.labels::text)::text[], array_to_tsvector(s.words)
FROM staged_words s JOIN documents d ON d.raw_item_id = s.raw_item_id
ON CONFLICT (document_id) DO UPDATE SET
  length = excluded.length, version = excluded.version, kind = excluded.kind, created_at = excluded.created_at,
  updated_at = excluded.updated_at, state = excluded.state, author = excluded.author, labels = excluded.labels,
  words = excluded.words
"""


def write(connection: "psycopg.Connection[Any]", tenant_id: int, rows: Iterable[DocumentRow]) -> None:
    """Index the words of documents that were written before in the same transaction."""
    connection.execute(STAGE)
    with connection.cursor().copy(COPY) as copy:
        for row in rows:
            words = document_words(tenant_id, row.external_id, row.title, row.text)
            copy.write_row((row.raw_item_id, words.keys, words.length))
    connection.execute(UPSERT, (WORDS_VERSION,))
    connection.execute("SELECT settle_words()")
