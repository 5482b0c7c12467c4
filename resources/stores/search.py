"""Finding documents: exact vector search, PostgreSQL full text, and both fused by reciprocal rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from resources.stores.fusion import reciprocal_rank_fusion
from resources.stores.search_filters import Filters
from resources.stores.vector_leg import by_vector, document_vectors

__all__ = ["Filters", "Mode", "Result", "document_vectors", "query_words", "search"]

# Any of the query's words may match, the rank decides. Position counts by its logarithm and long texts are
# damped (normalisation 1), without which the longest document answers every query.
TEXT = """
SELECT d.id, ts_rank('{{.05, .1, .4, 1}}', d.search, q.query, 1) AS rank
FROM documents d, (SELECT %(query)s::tsquery AS query) q
WHERE d.search @@ q.query AND {filters}
ORDER BY rank DESC, d.id LIMIT %(pool)s
"""
# The rarest words of the query say most. A long query keeps QUERY_WORDS of them.
QUERY_WORDS = 24
LEXEMES = """
SELECT lexeme FROM unnest(to_tsvector('english', %(text)s) || to_tsvector('simple', %(words)s))
WHERE length(lexeme) BETWEEN 2 AND 60
ORDER BY cardinality(positions) DESC, length(lexeme) DESC, lexeme LIMIT 200
"""
FREQUENCY = """
SELECT word, (SELECT count(*) FROM documents WHERE search @@ quote_literal(word)::tsquery) FROM unnest(%s::text[]) word
"""
DETAILS = """
SELECT d.id, d.external_id, i.name, d.kind, d.title, d.state, d.resolution, d.url, d.created_at,
       left(d.text, 320), d.labels
FROM documents d JOIN integrations i ON i.id = d.source_id WHERE d.id = ANY(%s)
"""
POOL = 100


class Mode(StrEnum):
    """Which legs answer."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Result:
    """One document found; `score` orders, the legs' own scores explain."""

    external_id: str
    source: str
    kind: str
    title: str
    score: float
    vector_score: float | None
    text_score: float | None
    state: str | None
    resolution: str | None
    url: str | None
    created_at: datetime | None
    snippet: str
    labels: list[str]


def search(
    connection: "psycopg.Connection[Any]",
    *,
    space_id: int,
    text: str,
    vectors: NDArray[np.float32] | None,
    mode: Mode = Mode.HYBRID,
    k: int = 10,
    filters: Filters | None = None,
) -> list[Result]:
    """The k best documents for a query.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        space_id: The space that `vectors` belong to.
        text: The query's words, for the text leg.
        vectors: Shape (n, dimensions): a query longer than the model's window has several, a document's
            distance is its nearest chunk's to any of them. None leaves the vector leg out.
        mode: Which legs answer.
        k: How many results.
        filters: What a result must be.
    """
    filters = filters or Filters()
    pool = max(POOL, 3 * k)
    near: dict[int, float] = {}
    by_text: dict[int, float] = {}
    if mode is not Mode.TEXT and vectors is not None:
        near = by_vector(connection, space_id, vectors, filters, pool)
    if mode is not Mode.VECTOR:
        by_text = _by_text(connection, text, filters, pool)
    rankings = {"vector": list(near), "text": list(by_text)}
    if mode is Mode.HYBRID:
        ranked = reciprocal_rank_fusion(rankings, HYBRID_WEIGHTS)[:k]
    else:
        ranked = list((near or by_text).items())[:k]
    details = {row[0]: row[1:] for row in connection.execute(DETAILS, ([item for item, _ in ranked],))}
    return [
        _result(details[item], score, near.get(item), by_text.get(item)) for item, score in ranked if item in details
    ]


# Set before any measurement: the vector leg is the better one alone, and equal weights would pull it down.
# benchmarks/retrieval.py keeps a half of the labelled pairs apart for whoever tunes them.
HYBRID_WEIGHTS = {"vector": 1.0, "text": 0.5}


def _by_text(connection: "psycopg.Connection[Any]", text: str, filters: Filters, pool: int) -> dict[int, float]:
    words = query_words(connection, text)
    if not words:
        return {}
    query = " | ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words)
    condition, values = filters.sql()
    rows = connection.execute(TEXT.format(filters=condition), {**values, "query": query, "pool": pool})
    return {item: float(rank) for item, rank in rows}


def query_words(connection: "psycopg.Connection[Any]", text: str) -> Sequence[str]:
    """The query's lexemes; of a long query the rarest in the tenant's documents."""
    text = text[:20_000].replace("\0", " ")
    identifiers = " ".join(word for word in text.split() if any(c.isdigit() for c in word))[:2_000]
    rows = connection.execute(LEXEMES, {"text": text, "words": identifiers})
    lexemes = list(dict.fromkeys(row[0] for row in rows))
    if len(lexemes) <= QUERY_WORDS:
        return lexemes
    counted = connection.execute(FREQUENCY, (lexemes,)).fetchall()
    known = sorted((frequency, word) for word, frequency in counted if frequency)
    return [word for _, word in known[:QUERY_WORDS]]


def _result(row: Sequence[Any], score: float, vector: float | None, text: float | None) -> Result:
    external_id, source, kind, title, state, resolution, url, created_at, snippet, labels = row
    return Result(
        external_id=external_id, source=source, kind=kind, title=title, score=score, vector_score=vector,
        text_score=text, state=state, resolution=resolution, url=url, created_at=created_at,
        snippet=" ".join(snippet.split()), labels=labels,
    )  # fmt: skip
