"""Chunks in PostgreSQL: passages of documents, addressed by the hash of their text."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.text.chunking import TokenCounter, chunk_many

# How the texts of one table are cut: which are to be, what they are, and the mark of what was cut.
DOCUMENTS_PENDING = """
SELECT d.id FROM documents d LEFT JOIN document_cuts k ON k.document_id = d.id AND k.cut = %(cut)s
WHERE d.source_id = %(source)s
  AND (%(everything)s OR k.made_from IS DISTINCT FROM sha256(%(version)s::bytea || d.content_hash))
ORDER BY d.id
"""
DOCUMENTS_READ = "SELECT id, id, NULL::bigint, title, text FROM documents WHERE id = ANY(%s) ORDER BY id"
DOCUMENTS_REMOVE = "DELETE FROM chunks WHERE document_id = ANY(%(ids)s) AND comment_id IS NULL AND cut = %(cut)s"
DOCUMENTS_MARK = """
INSERT INTO document_cuts (document_id, cut, made_from, source_id, tenant_id)
SELECT id, %(cut)s, sha256(%(version)s::bytea || content_hash), source_id, tenant_id
FROM documents WHERE id = ANY(%(ids)s)
ON CONFLICT (document_id, cut) DO UPDATE SET made_from = excluded.made_from
"""
# The title above a comment's passages is its item's. One without a text has none, but may have had some.
MADE_FROM = "sha256(%(version)s::bytea || sha256(convert_to(d.title, 'UTF8')) || m.content_hash)"
COMMENTS_PENDING = f"""
SELECT m.id FROM comments m JOIN documents d ON d.id = m.document_id
LEFT JOIN comment_cuts k ON k.comment_id = m.id AND k.cut = %(cut)s
WHERE m.source_id = %(source)s AND (m.text <> '' OR k.comment_id IS NOT NULL)
  AND (%(everything)s OR k.made_from IS DISTINCT FROM {MADE_FROM})
ORDER BY m.id
"""  # noqa: S608 - the interpolated text is a constant of this module
COMMENTS_READ = """
SELECT m.id, m.document_id, m.id, d.title, m.text FROM comments m JOIN documents d ON d.id = m.document_id
WHERE m.id = ANY(%s) ORDER BY m.id
"""
COMMENTS_REMOVE = "DELETE FROM chunks WHERE comment_id = ANY(%(ids)s) AND cut = %(cut)s"
COMMENTS_MARK = f"""
INSERT INTO comment_cuts (comment_id, cut, made_from, source_id, tenant_id)
SELECT m.id, %(cut)s, {MADE_FROM}, m.source_id, m.tenant_id
FROM comments m JOIN documents d ON d.id = m.document_id WHERE m.id = ANY(%(ids)s)
ON CONFLICT (comment_id, cut) DO UPDATE SET made_from = excluded.made_from
"""  # noqa: S608 - the interpolated text is a constant of this module
# COPY cannot write to a table with row-level security: rows arrive in a temporary one.
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_chunks (
  document_id bigint, comment_id bigint, ordinal integer, text text, tokens integer, content_hash bytea
) ON COMMIT DELETE ROWS
"""
COPY = "COPY staged_chunks (document_id, comment_id, ordinal, text, tokens, content_hash) FROM STDIN"
INSERT = """
INSERT INTO chunks (tenant_id, source_id, cut, document_id, comment_id, ordinal, text, tokens, content_hash)
SELECT %s, %s, %s, document_id, comment_id, ordinal, text, tokens, content_hash FROM staged_chunks
"""
MANIFEST = """
SELECT count(*), coalesce(sum(c.tokens), 0),
       encode(sha256(coalesce(string_agg(c.content_hash, ''::bytea ORDER BY d.raw_item_id, m.input_hash NULLS FIRST,
                                         c.ordinal), ''::bytea)), 'hex')
FROM chunks c JOIN documents d ON d.id = c.document_id LEFT JOIN comments m ON m.id = c.comment_id
WHERE c.source_id = %s AND c.cut = %s
"""


@dataclass(frozen=True, slots=True)
class Texts:
    """How the texts of a table are cut; each is one, or a comment on one, of the documents."""

    pending: str
    read: str
    remove: str
    mark: str


DOCUMENTS = Texts(DOCUMENTS_PENDING, DOCUMENTS_READ, DOCUMENTS_REMOVE, DOCUMENTS_MARK)
COMMENTS = Texts(COMMENTS_PENDING, COMMENTS_READ, COMMENTS_REMOVE, COMMENTS_MARK)


@dataclass(frozen=True, slots=True)
class CutText:
    """A title and a text that are to be cut; `comment_id` is None for a document's own."""

    id: int
    document_id: int
    comment_id: int | None
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One passage; `content_hash` is the SHA-256 of `text`, `comment_id` None in a document's own text."""

    document_id: int
    comment_id: int | None
    ordinal: int
    text: str
    tokens: int
    content_hash: bytes


def pending(
    connection: "psycopg.Connection[Any]", of: Texts, source_id: int, cut: str, version: str, *, everything: bool
) -> list[int]:
    """Ids of texts whose chunks of a cut are missing, or were made from another text or by another version.

    Args:
        connection: Bound to the tenant.
        of: Documents or comments.
        source_id: Whose.
        cut: The name of the cut, as the embedding space has it.
        version: Of the chunker.
        everything: Also those that are up to date.
    """
    values = {"source": source_id, "cut": cut, "version": version.encode(), "everything": everything}
    return [row[0] for row in connection.execute(of.pending, values)]


def read(connection: "psycopg.Connection[Any]", of: Texts, ids: Sequence[int]) -> list[CutText]:
    """The texts with these ids, each below its title."""
    return [CutText(*row) for row in connection.execute(of.read, (list(ids),))]


def cut(texts: Sequence[CutText], counter: TokenCounter, prepare: Callable[[str], str]) -> list[ChunkRow]:
    """The passages of texts, in their order.

    Args:
        texts: Whole: a passage of a text that leaves is masked with all that stands around it.
        counter: The model's tokenizer and window.
        prepare: What titles and texts go through first.
    """
    # A document without a text has its title; a comment without one says nothing.
    texts = [item for item in texts if item.comment_id is None or item.text]
    passages = chunk_many([(prepare(item.title), prepare(item.text)) for item in texts], counter)
    return [
        ChunkRow(
            item.document_id,
            item.comment_id,
            part.ordinal,
            part.text,
            part.tokens,
            hashlib.sha256(part.text.encode()).digest(),
        )
        for item, parts in zip(texts, passages, strict=True)
        for part in parts
    ]


def replace(
    connection: "psycopg.Connection[Any]",
    of: Texts,
    tenant_id: int,
    source_id: int,
    ids: Sequence[int],
    rows: Iterable[ChunkRow],
    cut: str,
    version: str,
) -> int:
    """Replace the chunks of a cut of these texts; returns how many there are now. The caller commits.

    Args:
        connection: Bound to the tenant.
        of: Documents or comments.
        tenant_id: Whose.
        source_id: Whose.
        ids: All texts that were cut, those without passages included.
        rows: Their passages.
        cut: The name of the cut, as the embedding space has it.
        version: Of the chunker.
    """
    marked = {"ids": list(ids), "cut": cut, "version": version.encode()}
    connection.execute(of.remove, marked)
    connection.execute(STAGE)
    with connection.cursor().copy(COPY) as copy:
        for row in rows:
            copy.write_row((row.document_id, row.comment_id, row.ordinal, row.text, row.tokens, row.content_hash))
    written = connection.execute(INSERT, (tenant_id, source_id, cut)).rowcount
    connection.execute(of.mark, marked)
    return written


def manifest(connection: "psycopg.Connection[Any]", source_id: int, cut: str) -> tuple[int, int, str]:
    """Rows, tokens and digest of a source's chunks of one cut."""
    row = connection.execute(MANIFEST, (source_id, cut)).fetchone()
    return (row[0], row[1], row[2]) if row else (0, 0, "")
