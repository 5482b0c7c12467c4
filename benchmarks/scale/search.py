"""Search by tenant size: latency of each leg, and what the index finds of what an exact scan finds."""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.scale import corpus
from benchmarks.setting import machine
from precedent.database.session import Database
from precedent.quality.measures.recall import distances
from precedent.search.filters import Filters
from precedent.search.retrieval import Mode
from precedent.search.service import Query, Searcher
from precedent.settings import Settings
from precedent.vectors import index as vector_index

SIZES = tuple(int(size) for size in os.environ.get("PRECEDENT_BENCH_SIZES", "1000,10000,100000").split(","))
QUERIES = 200


def main() -> None:
    """Ask the tenants that `growth` has loaded; queries are fresh documents of the same kind, one at a time."""
    database, settings = Database.open(), Settings.from_environment()
    table = Table(title=f"Search, {QUERIES} queries each; {machine()}")
    for column in (
        "passages",
        "index",
        "recall@10",
        "embed p50 ms",
        "vector p50 / p95",
        "text p50 / p95",
        "hybrid p50 / p95",
        "hybrid, filtered p50 / p95",
    ):
        table.add_column(column, justify="right")
    texts = [f"{issue['title']}\n{issue['body']}" for issue in corpus.issues(QUERIES, seed=99)]
    for size in SIZES:
        searcher = Searcher(database, f"bench-{size}", settings)
        with database.bulk(searcher.tenant.id) as connection:
            index = vector_index.state(connection, searcher.space.id)
        searcher.search([Query("warm up")])
        embedding = [timed(partial(searcher.provider.embed, [text])) for text in texts]
        vectors = searcher.provider.embed(texts).vectors
        row = [f"{index.rows:,}", "hnsw" if index.exists else "exact", f"{recall(database, searcher, vectors):.3f}"]
        row.append(f"{statistics.median(embedding):.1f}")
        filtered = Filters(kinds=("issue",))
        for mode, filters in (
            (Mode.VECTOR, Filters()),
            (Mode.TEXT, Filters()),
            (Mode.HYBRID, Filters()),
            (Mode.HYBRID, filtered),
        ):
            spent = [timed(partial(searcher.search, [Query(text, 10, mode, filters)])) for text in texts]
            row.append(f"{statistics.median(spent):.1f} / {np.quantile(spent, 0.95):.1f}")
        table.add_row(*row)
    Console(width=140).print(table)
    database.close()


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def recall(database: Database, searcher: Searcher, vectors: NDArray[np.float32]) -> float:
    """The share of the ten exactly nearest passages that the index finds, over all queries."""
    shares = []
    with database.bulk(searcher.tenant.id) as connection:
        for vector in vectors:
            found, exact = (distances(connection, searcher.space, vector, 10, exact=way) for way in (False, True))
            # By distance, not by name: of two passages that are equally near either is right.
            shares.append(float((found <= exact[-1] + 1e-6).mean()))
    return float(np.mean(shares))
