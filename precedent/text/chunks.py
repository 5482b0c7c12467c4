"""Chunks in PostgreSQL: passages of documents, addressed by the hash of their text."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.text.chunking import TokenCounter, chunk_many

PENDING = """
SELECT d.id FROM documents d LEFT JOIN document_cuts k ON k.document_id = d.id AND k.cut = %(cut)s
WHERE d.source_id = %(source)s
  AND (%(everything)s OR k.made_from IS DISTINCT FROM sha256(%(version)s::bytea || d.content_hash))
ORDER BY d.id
"""
READ = "SELECT id, title, text FROM documents WHERE id = ANY(%s) ORDER BY id"
MARK = """
INSERT INTO document_cuts (document_id, cut, made_from, source_id, tenant_id)
SELECT id, %(cut)s, sha256(%(version)s::bytea || content_hash), source_id, tenant_id
FROM documents WHERE id = ANY(%(ids)s)
ON CONFLICT (document_id, cut) DO UPDATE SET made_from = excluded.made_from
"""
# COPY cannot write to a table with row-level security: rows arrive in a temporary one.
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_chunks (
  document_id bigint, ordinal integer, text text, tokens integer, content_hash bytea
) ON COMMIT DELETE ROWS
"""
COPY = "COPY staged_chunks (document_id, ordinal, text, tokens, content_hash) FROM STDIN"
INSERT = """
INSERT INTO chunks (tenant_id, source_id, cut, document_id, ordinal, text, tokens, content_hash)
SELECT %s, %s, %s, document_id, ordinal, text, tokens, content_hash FROM staged_chunks
"""
MANIFEST = """
SELECT count(*), coalesce(sum(c.tokens), 0),
       encode(sha256(coalesce(string_agg(c.content_hash, ''::bytea ORDER BY d.raw_item_id, c.ordinal),
                              ''::bytea)), 'hex')
FROM chunks c JOIN documents d ON d.id = c.document_id WHERE c.source_id = %s AND c.cut = %s
"""


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One passage; `content_hash` is the SHA-256 of `text`."""

    document_id: int
    ordinal: int
    text: str
    tokens: int
    content_hash: bytes


def pending(
    connection: "psycopg.Connection[Any]", source_id: int, cut: str, version: str, *, everything: bool
) -> list[int]:
    """Ids of documents whose chunks of a cut are missing, or were made from another text or by another version.

    Args:
        connection: Bound to the tenant.
        source_id: Whose documents.
        cut: The name of the cut, as the embedding space has it.
        version: Of the chunker.
        everything: Also those that are up to date.
    """
    values = {"source": source_id, "cut": cut, "version": version.encode(), "everything": everything}
    rows = connection.execute(PENDING, values)
    return [row[0] for row in rows]


def read(connection: "psycopg.Connection[Any]", ids: Sequence[int]) -> list[tuple[int, str, str]]:
    """Id, title and text of these documents."""
    return connection.execute(READ, (list(ids),)).fetchall()


def cut(
    documents: Sequence[tuple[int, str, str]], counter: TokenCounter, prepare: Callable[[str], str]
) -> list[ChunkRow]:
    """The passages of documents (id, title, text), in their order.

    Args:
        documents: Whole: a passage of a text that leaves is masked with all that stands around it.
        counter: The model's tokenizer and window.
        prepare: What titles and texts go through first.
    """
    passages = chunk_many([(prepare(title), prepare(text)) for _, title, text in documents], counter)
    return [
        ChunkRow(number, part.ordinal, part.text, part.tokens, hashlib.sha256(part.text.encode()).digest())
        for (number, _, _), parts in zip(documents, passages, strict=True)
        for part in parts
    ]


def replace(
    connection: "psycopg.Connection[Any]",
    tenant_id: int,
    source_id: int,
    document_ids: Sequence[int],
    rows: Iterable[ChunkRow],
    cut: str,
    version: str,
) -> int:
    """Put `rows` in the place of all chunks of these documents in one cut; returns how many were written.

    Args:
        connection: Bound to the tenant.
        tenant_id: Whose.
        source_id: Of the documents.
        document_ids: All documents that were cut, those without passages included.
        rows: Their passages.
        cut: The name of the cut, as the embedding space has it.
        version: Of the chunker.
    """
    ids = list(document_ids)
    connection.execute("DELETE FROM chunks WHERE document_id = ANY(%s) AND cut = %s", (ids, cut))
    connection.execute(STAGE)
    with connection.cursor().copy(COPY) as copy:
        for row in rows:
            copy.write_row((row.document_id, row.ordinal, row.text, row.tokens, row.content_hash))
    written = connection.execute(INSERT, (tenant_id, source_id, cut)).rowcount
    connection.execute(MARK, {"ids": ids, "cut": cut, "version": version.encode()})
    return written


def manifest(connection: "psycopg.Connection[Any]", source_id: int, cut: str) -> tuple[int, int, str]:
    """Rows, tokens and digest of a source's chunks of one cut."""
    row = connection.execute(MANIFEST, (source_id, cut)).fetchone()
    return (row[0], row[1], row[2]) if row else (0, 0, "")
