"""How often a word stands in a document, and how much it counts in a query.

PostgreSQL's full-text index knows in which documents a lexeme stands, not how often. So the index holds each lexeme
together with the class of its frequency: `7|connect|2` is "connect, three times" in a document of tenant 7. A document
has one entry a lexeme, the index alone gives all that BM25 needs, and no document is read to be ranked. The tenant in
front keeps the entries of tenants apart: how much another one has makes no search slower.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import psycopg

from precedent.search.analyzer import ANALYSER_VERSION, LONGEST_LEXEME, analyse
from precedent.text.comments import SavedComment
from precedent.text.documents import DocumentRow

# Part of a document's row: raise it with any constant below that changes what is stored.
WORDS_VERSION = ANALYSER_VERSION * 100 + 1
# A word of the title counts as this many in the text. Chosen with the tuning halves, see docs/search.md.
TITLE_WEIGHT = 4
# Frequencies up to each bound share a class; what a class stands for. BM25 saturates: more classes change nothing.
_BOUNDS = (1, 2, 3, 5, 9, 16)
FREQUENCIES = (1.0, 2.0, 3.0, 4.4, 7.0, 12.0, 24.0)
CLASSES = tuple(range(len(FREQUENCIES)))
# A tsvector holds one megabyte: this many characters of any text, and this many distinct lexemes, fit.
CHARACTERS = 200_000
LEXEMES_EACH = 10_000
# The first line of a query is its title; a word behind it counts less, half after this many words.
QUERY_CHARACTERS = 20_000
QUERY_TITLE_WEIGHT = 4.0
QUERY_HALF_LIFE = 20
QUERY_LEXEMES = 100

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS staged_words (raw_item_id bigint, words text[], length integer) ON COMMIT DELETE ROWS;
TRUNCATE staged_words
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

STAGE_COMMENTS = """
CREATE TEMP TABLE IF NOT EXISTS staged_comment_words (
  comment_id bigint, document_id bigint, said_at timestamptz, words text[], length integer) ON COMMIT DELETE ROWS;
TRUNCATE staged_comment_words
"""
COPY_COMMENTS = "COPY staged_comment_words (comment_id, document_id, said_at, words, length) FROM STDIN"
REMOVE_COMMENTS = "DELETE FROM comment_words WHERE comment_id = ANY(%s)"
INSERT_COMMENTS = """
INSERT INTO comment_words (comment_id, document_id, tenant_id, length, said_at, words)
SELECT comment_id, document_id, %s, length, said_at, array_to_tsvector(words) FROM staged_comment_words
"""


class DocumentWords(NamedTuple):
    """What the index holds of a document: keys of lexeme and class, and the number of words in title and text."""

    keys: list[str]
    length: int


def document_words(tenant_id: int, external_id: str, title: str, text: str) -> DocumentWords:
    """The index entries of a document of a tenant; its external id is one of them, as a whole."""
    head, body = analyse(title), analyse(text[:CHARACTERS])
    counts = Counter((*body.words, *body.extras))
    if len(name := external_id.lower()) <= LONGEST_LEXEME:
        counts[name] += TITLE_WEIGHT
    for lexeme in (*head.words, *head.extras):
        counts[lexeme] += TITLE_WEIGHT
    return DocumentWords(_keys(tenant_id, counts), len(head.words) + len(body.words))


def comment_words(tenant_id: int, text: str) -> DocumentWords:
    """The index entries of a comment of a tenant; the title that stands above it is its item's."""
    found = analyse(text[:CHARACTERS])
    return DocumentWords(_keys(tenant_id, Counter((*found.words, *found.extras))), len(found.words))


def query_words(text: str) -> dict[str, float]:
    """The lexemes of a query with their weights, heaviest first, at most `QUERY_LEXEMES`.

    The first line counts most; behind it a word's weight falls with its place, so that a log pasted below a
    description does not drown it.
    """
    title, _, body = text[:QUERY_CHARACTERS].strip().partition("\n")
    weights: dict[str, float] = {}
    for lexeme in (part for parts in analyse(title) for part in parts):
        weights[lexeme] = weights.get(lexeme, 0.0) + QUERY_TITLE_WEIGHT
    for parts in (found := analyse(body)):
        # Parts and wholes of identifiers stand beside the words: their places are scaled to the words'.
        scale = len(found.words) / len(parts) if parts else 1.0
        for place, lexeme in enumerate(parts):
            weights[lexeme] = weights.get(lexeme, 0.0) + 1 / (1 + place * scale / QUERY_HALF_LIFE)
    heaviest = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    return dict(heaviest[:QUERY_LEXEMES])


def key(tenant_id: int, lexeme: str, frequency_class: int) -> str:
    """The index entry for a lexeme that stands in a document as often as the class says."""
    return f"{tenant_id}|{lexeme}|{frequency_class}"


def save_words(connection: "psycopg.Connection[Any]", tenant_id: int, rows: Iterable[DocumentRow]) -> None:
    """Index the words of documents that were saved before in the same transaction."""
    connection.execute(STAGE)
    with connection.cursor().copy(COPY) as copy:
        for row in rows:
            words = document_words(tenant_id, row.external_id, row.title, row.text)
            copy.write_row((row.raw_item_id, words.keys, words.length))
    connection.execute(UPSERT, (WORDS_VERSION,))
    connection.execute("SELECT settle_words()")


def save_comment_words(connection: "psycopg.Connection[Any]", tenant_id: int, comments: Sequence[SavedComment]) -> None:
    """Index the words of comments that were saved before in the same transaction, in the place of earlier ones."""
    if not comments:
        return
    connection.execute(STAGE_COMMENTS)
    with connection.cursor().copy(COPY_COMMENTS) as copy:
        for said in comments:
            if said.text:
                words = comment_words(tenant_id, said.text)
                copy.write_row((said.id, said.document_id, said.created_at, words.keys, words.length))
    connection.execute(REMOVE_COMMENTS, ([said.id for said in comments],))
    connection.execute(INSERT_COMMENTS, (tenant_id,))
    connection.execute("SELECT settle_words()")


def _keys(tenant_id: int, counts: Counter[str]) -> list[str]:
    kept = counts if len(counts) <= LEXEMES_EACH else dict(counts.most_common(LEXEMES_EACH))
    return [key(tenant_id, lexeme, bisect_left(_BOUNDS, times)) for lexeme, times in kept.items()]
