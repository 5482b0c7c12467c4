"""Retrieval of documents: by vectors, by words, and by both fused."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from precedent.search.dense import POOL, by_hits, by_vector, nearest_comments
from precedent.search.filters import Filters
from precedent.search.fusion import named_first, score_fusion
from precedent.search.lexical import Worded, by_text, query_terms
from precedent.search.names import named
from precedent.search.rerank import CHARACTERS, DEPTH, Reranker
from precedent.search.snippets import LOOKED_AT, Snippet, snippet
from precedent.search.words import query_words
from precedent.vector_stores.nearest import Hits

DETAILS = f"""
SELECT d.id, d.external_id, i.name, d.kind, d.title, d.state, d.resolution, d.url, d.created_at,
       left(d.text, {LOOKED_AT}), d.labels
FROM documents d JOIN integrations i ON i.id = d.source_id WHERE d.id = ANY(%s)
"""  # noqa: S608 - the interpolated number is a constant
COMMENTS = f"""
SELECT id, external_id, author, url, created_at, left(text, {LOOKED_AT}) FROM comments WHERE id = ANY(%s)
"""  # noqa: S608 - the interpolated number is a constant


class Mode(StrEnum):
    """Which legs answer."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class CommentFound:
    """The comment on a document by which it was found; None where its system does not say."""

    external_id: str
    author: str | None
    url: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Result:
    """One document found; `score` orders, the legs' own scores and ranks explain.

    Attributes:
        score: Of a hybrid search from 0 to 1, of one leg that leg's, of a reranked one the reranker's.
        vector_score: Cosine similarity of the nearest passage; None where that leg did not find the document.
        text_score: BM25; None where that leg did not find the document.
        snippet: The passage that says most about the query, on one line: of the document's own text, or of a comment.
        vector_rank: Place in the vector leg, from 1.
        text_rank: Place in the text leg.
        rerank_score: What the cross-encoder said; None where it was not asked.
        marks: Where the query's words stand in the snippet: pairs of start and end.
        comment: The comment that the snippet is of; None where it is of the document's own text.
    """

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
    vector_rank: int | None = None
    text_rank: int | None = None
    rerank_score: float | None = None
    marks: tuple[tuple[int, int], ...] = ()
    comment: CommentFound | None = None


def search(
    connection: "psycopg.Connection[Any]",
    *,
    space_id: int | None,
    text: str,
    vectors: NDArray[np.float32] | None,
    mode: Mode = Mode.HYBRID,
    k: int = 10,
    filters: Filters | None = None,
    reranker: Reranker | None = None,
    hits: Sequence[Hits] | None = None,
    prepare: Callable[[str], str] | None = None,
) -> list[Result]:
    """The k best documents for a query.

    Args:
        connection: Bound to a tenant; nothing of another is seen.
        space_id: The space that `vectors` belong to; None leaves the vector leg out.
        text: The query's words, for the text leg and the snippets; its first line counts most.
        vectors: Shape (n, dimensions): a query longer than the model's window has several, a document's
            distance is its nearest chunk's to any of them. None leaves the vector leg out.
        mode: Which legs answer.
        k: How many results.
        filters: What a result must be.
        reranker: Reads the first results again and orders them anew.
        prepare: What a text goes through before its snippet is taken.
        hits: What another store found nearest to each of `vectors`; None where PostgreSQL is to look itself.
    """
    filters = filters or Filters()
    pool = max(POOL, 3 * k)
    terms = query_terms(connection, query_words(text))
    near: dict[int, float] = {}
    worded = Worded()
    if mode is not Mode.TEXT and vectors is not None and space_id is not None:
        told = by_hits(connection, hits, filters, pool) if hits is not None else None
        near = by_vector(connection, space_id, vectors, filters, pool) if told is None else told
    if mode is not Mode.VECTOR:
        worded = by_text(connection, terms, filters, pool)
    ranked = score_fusion(near, worded.scores) if mode is Mode.HYBRID else list((near or worded.scores).items())
    if mode is not Mode.VECTOR:
        ranked = named_first(ranked, named(connection, text, terms, filters, near.keys() | worded.scores.keys(), pool))
    ranked = ranked[: max(k, DEPTH) if reranker else k]
    shown = [item for item, _ in ranked]
    details = {row[0]: row[1:] for row in connection.execute(DETAILS, (shown,))}
    nearest: dict[int, int] = {}
    if near and vectors is not None and space_id is not None:
        nearest = nearest_comments(connection, space_id, vectors, filters, shown)
    said = [*(worded.comments[item] for item in shown if item in worded.comments), *nearest.values()]
    comments = {row[0]: row[1:] for row in connection.execute(COMMENTS, (said,))} if said else {}
    legs = _Legs(near, worded, nearest, comments, terms.weights if terms else {}, prepare)
    results = {item: legs.result(item, details[item], score) for item, score in ranked if item in details}
    if reranker:
        return _reranked(reranker, text, results, details)[:k]
    return list(results.values())


class _Legs:
    """What each leg said, for the explanation of a result."""

    def __init__(
        self,
        near: Mapping[int, float],
        worded: Worded,
        nearest: Mapping[int, int],
        comments: Mapping[int, Sequence[Any]],
        weights: Mapping[str, float],
        prepare: Callable[[str], str] | None,
    ) -> None:
        self._near, self._worded, self._weights, self._prepare = near, worded, weights, prepare
        self._nearest, self._comments = nearest, comments
        self._near_ranks = {item: rank for rank, item in enumerate(near, start=1)}
        self._worded_ranks = {item: rank for rank, item in enumerate(worded.scores, start=1)}

    def result(self, item: int, row: Sequence[Any], score: float) -> Result:
        external_id, source, kind, title, state, resolution, url, created_at, text, labels = row
        passage, comment = self._passage(item, text)
        return Result(
            external_id=external_id,
            source=source,
            kind=kind,
            title=title,
            score=score,
            vector_score=self._near.get(item),
            text_score=self._worded.scores.get(item),
            state=state,
            resolution=resolution,
            url=url,
            created_at=created_at,
            snippet=passage.text,
            labels=labels,
            vector_rank=self._near_ranks.get(item),
            text_rank=self._worded_ranks.get(item),
            marks=passage.marks,
            comment=comment,
        )

    def _passage(self, item: int, text: str) -> tuple[Snippet, CommentFound | None]:
        """What says most about the query: of the document's text or of a comment; the nearest where no word does."""
        best, comment = self._snippet(text), None
        for number in (self._worded.comments.get(item), self._nearest.get(item)):
            if number is not None and number in self._comments:
                *facts, said = self._comments[number]
                passage = self._snippet(said)
                if passage.weight > best.weight or (best.weight == 0 and number == self._nearest.get(item)):
                    best, comment = passage, CommentFound(*facts)
        return best, comment

    def _snippet(self, text: str) -> Snippet:
        return snippet(self._prepare(text) if self._prepare else text, self._weights)


def _reranked(
    reranker: Reranker, query: str, results: Mapping[int, Result], details: Mapping[int, Sequence[Any]]
) -> list[Result]:
    """The first results in the reranker's order, the others behind them as they were."""
    first = list(results)[:DEPTH]
    texts = [f"{results[item].title}\n{details[item][8]}"[:CHARACTERS] for item in first]
    scores = reranker.scores(query, texts)
    judged = [
        replace(results[item], score=score, rerank_score=score) for item, score in zip(first, scores, strict=True)
    ]
    return sorted(judged, key=lambda result: -result.score) + [results[item] for item in list(results)[DEPTH:]]
