"""BM25 in SQL, because `ts_rank` knows no rarity and has to read every document that it ranks: the text leg of search.

The index entries hold a lexeme with the class of its frequency (see `words`), so a posting says all that the score
needs but the document's length, which stands in the same narrow row. How many documents have a lexeme is kept exact by
triggers. The entries that can add most to a score are read first, up to a budget; what is left of the query is added
to the best candidates only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from precedent.search.filters import EXCLUDED, FOLDED, SOURCES, Filters
from precedent.search.words import CLASSES, FREQUENCIES, key

# BM25: how slowly a repeated word stops to count, and how much of a document's length is held against it.
# Chosen with the tuning halves of the labelled sets, see docs/search.md.
K1 = 1.6
B = 0.9
# Of a long query this many lexemes, those that weigh most.
TERMS = 24
# A posting costs half a microsecond. The candidates are documents for which the rest of the query is looked at too.
POSTINGS = 10_000
CANDIDATES = 300

# Row-level security leaves one row, the tenant's own.
CORPUS = """
SELECT tenant_id, documents, length, coalesce(comments, 0), coalesce(comments_length, 0) FROM corpus_counts
"""
COUNTS = "SELECT lexeme, documents FROM lexeme_counts WHERE lexeme = ANY(%s)"
RANKED = f"""
SELECT document_id, score, comment_id FROM rank_by_words(
  %(entries)s::tsquery[], %(lexemes)s::integer[], %(weights)s::float8[], %(frequencies)s::float8[],
  %(more_entries)s::tsquery[], %(more_lexemes)s::integer[], %(more_weights)s::float8[], %(more_frequencies)s::float8[],
  %(flat)s, %(slope)s, %(comment_slope)s, %(candidates)s, %(pool)s, %(kinds)s::text[],
  CASE WHEN %(sources)s::text[] IS NOT NULL THEN ARRAY({SOURCES}) END,
  CASE WHEN %(states)s::text[] IS NOT NULL THEN ARRAY({FOLDED.format("states")}) END,
  CASE WHEN %(labels)s::text[] IS NOT NULL THEN ARRAY({FOLDED.format("labels")}) END,
  CASE WHEN %(authors)s::text[] IS NOT NULL THEN ARRAY({FOLDED.format("authors")}) END,
  %(before)s::timestamptz, %(after)s::timestamptz, %(updated_since)s::timestamptz,
  CASE WHEN %(exclude)s::text[] IS NOT NULL THEN ARRAY({EXCLUDED}) END)
"""  # noqa: S608 - the interpolated text is a constant
# For a filter that few documents pass: first those documents, then their words and those of their comments.
SCAN = """
WITH passing AS MATERIALIZED (
  SELECT * FROM document_words d WHERE d.source_id = ANY(ARRAY(SELECT i.id FROM integrations i)) AND {filters}),
hits AS MATERIALIZED (
  SELECT d.document_id, d.comment_id, k.lexeme, k.weight * k.frequency / (k.frequency + %(flat)s + d.long) AS gain
  FROM (SELECT p.document_id, NULL::bigint AS comment_id, %(slope)s * p.length AS long, p.words || ''::tsvector AS words
        FROM passing p WHERE p.words @@ %(any)s::tsquery
        UNION ALL
        SELECT c.document_id, c.comment_id, %(comment_slope)s * c.length, c.words || ''::tsvector
        FROM passing p JOIN comment_words c ON c.document_id = p.document_id
        WHERE c.words @@ %(any)s::tsquery AND (%(before)s::timestamptz IS NULL OR c.said_at < %(before)s) OFFSET 0) d
  JOIN unnest(%(entries)s::tsquery[], %(lexemes)s::integer[], %(weights)s::float8[], %(frequencies)s::float8[])
    AS k (entry, lexeme, weight, frequency) ON d.words @@ k.entry),
own AS (SELECT document_id, lexeme, gain FROM hits WHERE comment_id IS NULL),
added AS (
  SELECT DISTINCT ON (h.document_id) h.document_id, h.comment_id,
         sum(greatest(h.gain - coalesce(o.gain, 0), 0)) AS gain
  FROM hits h LEFT JOIN own o ON (o.document_id, o.lexeme) = (h.document_id, h.lexeme)
  WHERE h.comment_id IS NOT NULL GROUP BY 1, 2 ORDER BY h.document_id, gain DESC, h.comment_id)
SELECT document_id, coalesce(o.score, 0) + coalesce(a.gain, 0) AS score, a.comment_id
FROM (SELECT document_id, sum(gain) AS score FROM own GROUP BY 1) o FULL JOIN added a USING (document_id)
ORDER BY score DESC, document_id LIMIT %(pool)s
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the index: a lexeme of the query as often as `frequency`; `documents` of the tenant have it."""

    text: str
    lexeme: int
    weight: float
    frequency: float
    documents: int


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """What the tenant's documents make of a query: each lexeme's weight, and its documents by class of frequency."""

    tenant_id: int
    average_length: float
    average_comment: float
    weights: dict[str, float]
    counts: dict[str, dict[int, int]]

    def entries(self) -> list[Entry]:
        """The entries of the index for the heaviest lexemes, those that can add most to a score first."""
        heaviest = sorted(self.weights.items(), key=lambda item: (-item[1], item[0]))[:TERMS]
        found = [
            Entry(key(self.tenant_id, lexeme, number), place, weight, FREQUENCIES[number], count)
            for place, (lexeme, weight) in enumerate(heaviest)
            for number, count in self.counts[lexeme].items()
        ]
        return sorted(found, key=lambda entry: -entry.weight * entry.frequency / (entry.frequency + K1))


def query_terms(connection: "psycopg.Connection[Any]", words: Mapping[str, float]) -> QueryTerms | None:
    """Weigh a query's lexemes by how rare they are; None where the tenant has no documents with any of them.

    Args:
        connection: Bound to a tenant.
        words: The query's lexemes and how much each counts, as `query_words` gives them.
    """
    corpus = connection.execute(CORPUS).fetchone()
    if corpus is None or not words:
        return None
    tenant_id, documents, length, comments, comments_length = corpus
    names = {key(tenant_id, lexeme, number): (lexeme, number) for lexeme in words for number in CLASSES}
    counts: dict[str, dict[int, int]] = {}
    for name, count in connection.execute(COUNTS, (list(names),)):
        lexeme, number = names[name]
        counts.setdefault(lexeme, {})[number] = count
    if not counts:
        return None
    weights = {}
    for lexeme, by_class in counts.items():
        having = sum(by_class.values())
        idf = math.log(1 + (documents + comments - having + 0.5) / (having + 0.5))
        weights[lexeme] = idf * math.log1p(words[lexeme])
    return QueryTerms(tenant_id, _average(length, documents), _average(comments_length, comments), weights, counts)


def _average(words: int, texts: int) -> float:
    return max(1.0, words / max(1, texts))


@dataclass(frozen=True, slots=True)
class Worded:
    """What the words found: documents by id, best first, with their BM25 score; and which comment adds most to it."""

    scores: dict[int, float] = field(default_factory=dict)
    comments: dict[int, int] = field(default_factory=dict)


def by_text(
    connection: "psycopg.Connection[Any]",
    terms: QueryTerms | None,
    filters: Filters,
    pool: int,
    postings: int = POSTINGS,
) -> Worded:
    """The documents that share most with a query's words.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        terms: What `query_terms` made of the query in this transaction.
        filters: What a result must be.
        pool: How many documents at most.
        postings: About how many entries are read for candidates; more makes a common query slower and no rare one.
    """
    if terms is None:
        return Worded()
    entries = terms.entries()
    values = {
        "flat": K1 * (1 - B),
        "slope": K1 * B / terms.average_length,
        "comment_slope": K1 * B / terms.average_comment,
        "pool": pool,
    }
    first, rest = _split(entries, postings, pool)
    asked = values | filters.values() | _arrays(first) | _arrays(rest, "more_")
    found = _scores(connection, RANKED, asked | {"candidates": max(CANDIDATES, 2 * pool)})
    if not rest or len(found.scores) == pool:
        return found
    # Few candidates pass the filter: the documents that pass are looked for first, so that none is missed.
    condition, some = filters.sql("d.document_id", folded=True)
    any_of = " | ".join(_quoted(entry) for entry in entries)
    scanned = {"before": filters.before} | values | some | _arrays(entries) | {"any": any_of}
    return _scores(connection, SCAN.format(filters=condition), scanned)


def _scores(connection: "psycopg.Connection[Any]", statement: str, values: dict[str, object]) -> Worded:
    rows = connection.execute(statement, values).fetchall()
    return Worded({item: float(score) for item, score, _ in rows}, {item: said for item, _, said in rows if said})


def _split(entries: Sequence[Entry], postings: int, pool: int) -> tuple[list[Entry], list[Entry]]:
    """The entries to find candidates by, within the budget but always enough of them, and the others."""
    first: list[Entry] = []
    rest: list[Entry] = []
    read = 0
    for entry in entries:
        if read + entry.documents <= postings or read < pool:
            first.append(entry)
            read += entry.documents
        else:
            rest.append(entry)
    return first, rest


def _arrays(entries: Sequence[Entry], prefix: str = "") -> dict[str, object]:
    return {
        f"{prefix}entries": [_quoted(entry) for entry in entries],
        f"{prefix}lexemes": [entry.lexeme for entry in entries],
        f"{prefix}weights": [entry.weight * (K1 + 1) for entry in entries],
        f"{prefix}frequencies": [entry.frequency for entry in entries],
    }


def _quoted(entry: Entry) -> str:
    return "'" + entry.text.replace("\\", "\\\\").replace("'", "''") + "'"
