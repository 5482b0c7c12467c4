"""What search is compared with: BM25 and TF-IDF over the same texts, and one vector a text.

BM25 is Okapi's as the package rank_bm25 has it (k1 1.5, b .75, negative inverse frequencies floored), without English
stop words, which is better for it. TF-IDF is scikit-learn's, as it comes, and with logarithmic frequencies and without
stop words, the best of its common settings here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from benchmarks.ranking.labelled import Document, LabelledSet
from precedent.database.session import Database
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from precedent.vectors import space as spaces

Scores = NDArray[np.float64]
FIRST_PASSAGES = """
SELECT d.external_id, e.embedding::vector::text FROM documents d
JOIN chunks c ON c.document_id = d.id AND c.ordinal = 0
JOIN embeddings e ON e.space_id = %s AND e.content_hash = c.content_hash
"""


def found_by(labelled: LabelledSet, scores: Scores, k: int = 10) -> dict[str, list[str]]:
    """The first k allowed candidates of each query; `scores` has a row a query, a column a candidate."""
    answers = {}
    for query, row in zip(labelled.queries, scores, strict=True):
        answer: list[str] = []
        for place in np.argsort(-row, kind="stable"):
            candidate = labelled.candidates[place]
            if row[place] <= 0 or len(answer) == k:
                break
            if labelled.allowed(query, candidate):
                answer.append(candidate.external_id)
        answers[query.external_id] = answer
    return answers


def bm25(labelled: LabelledSet, k1: float = 1.5, b: float = 0.75, floor: float = 0.25) -> Scores:
    """Okapi BM25 of every query and candidate."""
    from scipy import sparse  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import CountVectorizer  # type: ignore[import-untyped]

    counter = CountVectorizer(stop_words="english")
    counts = counter.fit_transform(_texts(labelled.candidates)).astype(np.float64).tocoo()
    having = np.bincount(counts.col, minlength=counts.shape[1])
    idf = np.log(counts.shape[0] - having + 0.5) - np.log(having + 0.5)
    idf[idf < 0] = floor * idf.mean()
    lengths = np.bincount(counts.row, weights=counts.data, minlength=counts.shape[0])
    saturation = k1 * (1 - b + b * lengths / lengths.mean())
    values = counts.data * (k1 + 1) / (counts.data + saturation[counts.row]) * idf[counts.col]
    weights = sparse.csr_matrix((values, (counts.row, counts.col)), shape=counts.shape)
    return np.asarray((counter.transform(_texts(labelled.queries)) @ weights.T).toarray())


def tf_idf(labelled: LabelledSet, **options: Any) -> Scores:
    """Cosine of TF-IDF vectors of every query and candidate; `options` are the vectorizer's."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(**options)
    candidates = vectors.fit_transform(_texts(labelled.candidates))
    return np.asarray((vectors.transform(_texts(labelled.queries)) @ candidates.T).toarray())


def dense(labelled: LabelledSet) -> Scores:
    """Cosine of one vector a text: the first passage, all that the model reads of a text that is not cut."""
    database = Database.open(Settings.from_environment())
    tenant = tenancy.get(database, labelled.tenant)
    with database.bulk(tenant.id) as connection:
        vectors = _first_passages(connection)
    database.close()
    width = len(next(iter(vectors.values())))
    none = np.zeros(width, np.float32)
    queries, candidates = (
        np.stack([vectors.get(document.external_id, none) for document in documents])
        for documents in (labelled.queries, labelled.candidates)
    )
    return np.asarray(queries @ candidates.T, np.float64)


REFERENCES: dict[str, Callable[[LabelledSet], Scores]] = {
    "BM25": bm25,
    "TF-IDF": tf_idf,
    "TF-IDF, logarithmic": partial(tf_idf, stop_words="english", sublinear_tf=True),
    "dense, one vector": dense,
}


def _first_passages(connection: "psycopg.Connection[Any]") -> dict[str, NDArray[np.float32]]:
    rows = connection.execute(FIRST_PASSAGES, (spaces.active(connection).id,))
    return {name: np.fromstring(text[1:-1], np.float32, sep=",") for name, text in rows}


def _texts(documents: list[Document]) -> list[str]:
    return [document.whole for document in documents]
