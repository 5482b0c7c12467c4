"""How often a word stands in a document, and how much it counts in a query.

PostgreSQL's full-text index knows in which documents a lexeme stands, not how often. So the index holds each lexeme
together with the class of its frequency: `7|connect|2` is "connect, three times" in a document of tenant 7. A document
has one entry a lexeme, the index alone gives all that BM25 needs, and no document is read to be ranked. The tenant in
front keeps the entries of tenants apart: how much another one has makes no search slower.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import psycopg

from precedent.search.analyzer import ANALYSER_VERSION, LONGEST_LEXEME, analyse
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


class DocumentWords(NamedTuple):
    """What the index holds of a document: keys of lexeme and class, and the number of words in title and text."""

    keys: list[str]
    length: int


def document_words(tenant_id: int, external_id: str, title: str, text: str) -> DocumentWords:
    """The index entries of a document of a tenant; its external id is one of them, as a whole."""
    head, body = analyse(title), analyse(text[:CHARACTERS])
    counts = Counter(body.words)
    counts.update(body.extras)
    if len(name := external_id.lower()) <= LONGEST_LEXEME:
        counts[name] += TITLE_WEIGHT
    for lexeme in (*head.words, *head.extras):
        counts[lexeme] += TITLE_WEIGHT
    kept = counts if len(counts) <= LEXEMES_EACH else dict(counts.most_common(LEXEMES_EACH))
    keys = [key(tenant_id, lexeme, bisect_left(_BOUNDS, times)) for lexeme, times in kept.items()]
    return DocumentWords(keys, len(head.words) + len(body.words))


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
