"""The lexical leg of search: documents ranked by the words they share with a query, by BM25.

The index entries hold a lexeme with the class of its frequency (`search_words`), so a posting says all that the score
needs but the document's length, which stands in the same narrow row. How many documents have a lexeme is kept exact by
triggers. The entries that can add most to a score are read first, up to a budget; what is left of the query is added
to the best candidates only.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from resources.stores.search_filters import Filters
from resources.stores.search_words import CLASSES, FREQUENCIES, key

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
CORPUS = "SELECT tenant_id, documents, length FROM corpus_counts"
COUNTS = "SELECT lexeme, documents FROM lexeme_counts WHERE lexeme = ANY(%s)"
# OFFSET 0 keeps the order as written: one scan of the index for each entry, then the filter.
POSTING = """
SELECT d.document_id, d.length FROM (
  SELECT * FROM document_words d WHERE d.words @@ k.entry OFFSET 0) d WHERE {filters}
"""
BEST = f"""
SELECT p.document_id, sum(k.weight * k.frequency / (k.frequency + %(flat)s + %(slope)s * p.length)) AS score
FROM unnest(%(entries)s::tsquery[], %(weights)s::float8[], %(frequencies)s::float8[]) AS k (entry, weight, frequency)
CROSS JOIN LATERAL ({POSTING}) p
GROUP BY p.document_id ORDER BY score DESC, p.document_id LIMIT %(limit)s
"""  # noqa: S608 - the interpolated text is a constant of this module
REFINED = f"""
WITH best AS ({BEST})
SELECT b.document_id, b.score + coalesce((
  SELECT sum(r.weight * r.frequency / (r.frequency + %(flat)s + %(slope)s * w.length))
  FROM unnest(%(more_entries)s::tsquery[], %(more_weights)s::float8[], %(more_frequencies)s::float8[])
    AS r (entry, weight, frequency) WHERE w.words @@ r.entry), 0) AS score
FROM best b CROSS JOIN LATERAL (
  -- The concatenation unpacks the words once, not once for each entry.
  SELECT d.length, d.words || ''::tsvector AS words FROM document_words d
  WHERE d.document_id = b.document_id OFFSET 0) w
ORDER BY score DESC, b.document_id LIMIT %(pool)s
"""  # noqa: S608 - the interpolated text is a constant of this module
# One pass over the tenant's rows: for a filter that next to nothing passes, and for a server whose owner may not say
# that `@@` leaks nothing, where row-level security keeps the index out.
SCAN = """
SELECT d.document_id, sum(k.weight * k.frequency / (k.frequency + %(flat)s + %(slope)s * d.length)) AS score
FROM (SELECT d.document_id, d.length, d.words || ''::tsvector AS words FROM (
        SELECT * FROM document_words d
        WHERE d.source_id = ANY(ARRAY(SELECT i.id FROM integrations i)) AND {filters} OFFSET 0) d
      WHERE d.words @@ %(any)s::tsquery OFFSET 0) d
JOIN unnest(%(entries)s::tsquery[], %(weights)s::float8[], %(frequencies)s::float8[]) AS k (entry, weight, frequency)
  ON d.words @@ k.entry
GROUP BY d.document_id ORDER BY score DESC, d.document_id LIMIT %(pool)s
"""
LEAKPROOF = "SELECT proleakproof FROM pg_proc WHERE oid = 'pg_catalog.ts_match_vq(tsvector, tsquery)'::regprocedure"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the index: a lexeme of the query as often as `frequency`; `documents` of the tenant have it."""

    text: str
    weight: float
    frequency: float
    documents: int


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """What the tenant's documents make of a query: each lexeme's weight, and its documents by class of frequency."""

    tenant_id: int
    average_length: float
    weights: dict[str, float]
    counts: dict[str, dict[int, int]]

    def entries(self) -> list[Entry]:
        """The entries of the index for the heaviest lexemes, those that can add most to a score first."""
        heaviest = sorted(self.weights.items(), key=lambda item: (-item[1], item[0]))[:TERMS]
        found = [
            Entry(key(self.tenant_id, lexeme, number), weight, FREQUENCIES[number], count)
            for lexeme, weight in heaviest
            for number, count in self.counts[lexeme].items()
        ]
        return sorted(found, key=lambda entry: -entry.weight * entry.frequency / (entry.frequency + K1))


def query_terms(connection: "psycopg.Connection[Any]", words: Mapping[str, float]) -> QueryTerms | None:
    """Weigh a query's lexemes by how rare they are; None where the tenant has no documents with any of them.

    Args:
        connection: Bound to a tenant.
        words: The query's lexemes and how much each counts, as `search_words.query_words` gives them.
    """
    corpus = connection.execute(CORPUS).fetchone()
    if corpus is None or not words:
        return None
    tenant_id, documents, length = corpus
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
        idf = math.log(1 + (documents - having + 0.5) / (having + 0.5))
        weights[lexeme] = idf * math.log1p(words[lexeme])
    return QueryTerms(tenant_id, max(1.0, float(length / documents)), weights, counts)


def by_text(
    connection: "psycopg.Connection[Any]",
    terms: QueryTerms | None,
    filters: Filters,
    pool: int,
    postings: int = POSTINGS,
) -> dict[int, float]:
    """The documents that share most with a query's words by id, best first, with their BM25 score.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        terms: What `query_terms` made of the query in this transaction.
        filters: What a result must be.
        pool: How many documents at most.
        postings: About how many entries are read for candidates; more makes a common query slower and no rare one.
    """
    if terms is None:
        return {}
    entries = terms.entries()
    condition, values = filters.sql("d.document_id", folded=True)
    values |= {"flat": K1 * (1 - B), "slope": K1 * B / terms.average_length, "pool": pool, "limit": pool}
    everything = values | _arrays(entries) | {"any": " | ".join(_quoted(entry) for entry in entries)}
    if not _index_is_used(connection):
        return _scores(connection, SCAN.format(filters=condition), everything)
    first, rest = _split(entries, postings, pool)
    if not rest:
        with _indexes_only(connection):
            return _scores(connection, BEST.format(filters=condition), everything)
    some = values | _arrays(first) | _arrays(rest, "more_") | {"limit": max(CANDIDATES, 2 * pool)}
    with _indexes_only(connection):
        found = _scores(connection, REFINED.format(filters=condition), some)
    # Few of so many candidates pass the filter: those that do are looked for first, so that none is missed.
    return found if len(found) == pool else _scores(connection, SCAN.format(filters=condition), everything)


def _scores(connection: "psycopg.Connection[Any]", statement: str, values: dict[str, object]) -> dict[int, float]:
    return {item: float(score) for item, score in connection.execute(statement, values)}


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
        f"{prefix}weights": [entry.weight * (K1 + 1) for entry in entries],
        f"{prefix}frequencies": [entry.frequency for entry in entries],
    }


def _quoted(entry: Entry) -> str:
    return "'" + entry.text.replace("\\", "\\\\").replace("'", "''") + "'"


@contextmanager
def _indexes_only(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """The planner cannot know how rare an entry is: without this a fresh load or a filter turns it to full scans."""
    connection.execute("SELECT set_config('enable_seqscan', 'off', true)")
    yield
    connection.execute("SELECT set_config('enable_seqscan', 'on', true)")


def _index_is_used(connection: "psycopg.Connection[Any]") -> bool:
    row = connection.execute(LEAKPROOF).fetchone()
    return bool(row and row[0])
