"""Our passages next to those of semchunk, on the labelled duplicates: what is found, what is lost, what it takes.

Both cut the same documents for the same window, with an overlap of 32 tokens, and both put the title above each
passage. A document is as near to a query as its nearest passage, by the engine's own vectors; only the cut differs.
`pip install semchunk` first: the platform does not need it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.ranking.labelled import Document, LabelledSet, load
from benchmarks.setting import machine
from precedent.settings import Settings
from precedent.text.chunking import HuggingFaceTokenCounter, chunk_many
from precedent.vectors.engine.backend_selection import Engine, EngineRequest, open_engine, tokenizer_of
from precedent.vectors.engine.model_config import window_of
from precedent.vectors.engine.model_files import resolve

OVERLAP = 32
# Logs of a megabyte would decide the figures, and most of the time.
CHARACTERS = 20_000
QUERY_PASSAGES = 3
Cut = Callable[[list[Document], HuggingFaceTokenCounter], list[list[str]]]


def main() -> None:
    """A table of both ways for each set of duplicates."""
    if find_spec("semchunk") is None:
        print("The benchmark `chunking` compares with semchunk: run `pip install semchunk` first.")
        return
    files = resolve(settings := Settings.from_environment())
    engine = open_engine(files, EngineRequest(), settings.model_cache)
    counter = HuggingFaceTokenCounter(tokenizer_of(files), window_of(files.folder))
    table = Table(title=f"Passages of at most {counter.window} tokens; {machine()}")
    for column in (
        "set",
        "cut by",
        "passages",
        "tokens",
        "beyond the window",
        "in no passage",
        "CPU s",
        "hit@10",
        "MRR",
    ):
        table.add_column(column, justify="left" if column in ("set", "cut by") else "right")
    for labelled in load():
        if not labelled.only_earlier:
            continue
        for name, cut in (("this platform", ours), ("semchunk", theirs)):
            found = measured(labelled, cut, counter, engine)
            table.add_row(labelled.name, name, *found.columns())
        table.add_section()
    Console(width=140).print(table)


@dataclass(frozen=True)
class Found:
    """What one way of cutting comes to; shares of tokens from 0 to 1."""

    passages: int
    tokens: int
    beyond: float
    absent: float
    seconds: float
    hits: float
    mrr: float

    def columns(self) -> list[str]:
        """As they are printed."""
        return [
            f"{self.passages:,}",
            f"{self.tokens:,}",
            f"{self.beyond:.3%}",
            f"{self.absent:.3%}",
            f"{self.seconds:.1f}",
            f"{self.hits:.3f}",
            f"{self.mrr:.3f}",
        ]


def ours(documents: list[Document], counter: HuggingFaceTokenCounter) -> list[list[str]]:
    """Passages as the platform cuts them."""
    pairs = [(document.title, document.text[:CHARACTERS]) for document in documents]
    return [[part.text for part in parts] for parts in chunk_many(pairs, counter, overlap_tokens=OVERLAP)]


def theirs(documents: list[Document], counter: HuggingFaceTokenCounter) -> list[list[str]]:
    """The text cut by semchunk into what the title leaves of the window, and the title above each passage."""
    import semchunk  # type: ignore[import-not-found, unused-ignore]

    def count(text: str) -> int:
        return counter.counts_of_many([text])[0]

    found = []
    for document in documents:
        room = max(counter.window - 2 - count(document.title), counter.window // 3)
        parts = semchunk.chunk(document.text[:CHARACTERS], room, count, overlap=min(OVERLAP, room // 4))
        found.append([f"{document.title}\n{part}" for part in parts] or [document.title])
    return found


def measured(labelled: LabelledSet, cut: Cut, counter: HuggingFaceTokenCounter, engine: Engine) -> Found:
    """Cut, embed and search the candidates and queries of a set."""
    documents = labelled.candidates
    began = time.process_time()
    passages = cut(documents, counter)
    seconds = time.process_time() - began
    flat = [part for parts in passages for part in parts]
    counts = np.array(counter.counts_of_many(flat)) + 2
    vectors = engine.encode(flat)[0]
    owners = np.repeat(np.arange(len(documents)), [len(parts) for parts in passages])
    places = {document.external_id: place for place, document in enumerate(documents)}
    answers = {}
    for query in labelled.queries:
        own = vectors[owners == places[query.external_id]][:QUERY_PASSAGES]
        answers[query.external_id] = nearest(labelled, query, (vectors @ own.T).max(axis=1), owners)
    _, hits, mrr = labelled.score(answers, set(answers))
    beyond = np.maximum(counts - counter.window, 0).sum() / counts.sum()
    return Found(len(flat), int(counts.sum()), float(beyond), absent(documents, passages), seconds, hits, mrr)


def nearest(
    labelled: LabelledSet, query: Document, scores: NDArray[np.float32], owners: NDArray[np.int64]
) -> list[str]:
    """The ten nearest allowed candidates; `scores` and `owners` of shape (passages,)."""
    best = np.full(len(labelled.candidates), -np.inf, np.float32)
    np.maximum.at(best, owners, scores)
    order = (labelled.candidates[place] for place in np.argsort(-best, kind="stable"))
    allowed = (document.external_id for document in order if labelled.allowed(query, document))
    return [name for _, name in zip(range(10), allowed, strict=False)]


def absent(documents: list[Document], passages: list[list[str]]) -> float:
    """The share of the documents' words that stand in none of their passages."""
    lost = total = 0
    for document, parts in zip(documents, passages, strict=True):
        words = document.text[:CHARACTERS].split()
        held = set(" ".join(parts).split())
        total += len(words)
        lost += sum(word not in held for word in words)
    return lost / max(total, 1)
