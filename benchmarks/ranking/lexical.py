"""How fast the text leg answers among 100,000 documents, and how often it agrees with reading every entry.

The documents are made of sentences of real records, half of them with other digits, so that new identifiers keep
coming; their lengths are those of real records. They are loaded by `precedent refresh --select raw`, then written by
the same functions as `text/documents` uses; passages and vectors are left out. `--documents N` asks for another number.
"""

import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import psycopg
from rich.console import Console
from rich.table import Table

from assets.text.documents import BATCH
from benchmarks.ranking.labelled import Document, load
from benchmarks.setting import machine
from orchestration.cli import run
from precedent.clock import TimeBounds
from precedent.database.session import Database
from precedent.progress import slices
from precedent.search.dense import POOL
from precedent.search.filters import Filters
from precedent.search.lexical import POSTINGS, by_text, query_terms
from precedent.search.words import WORDS_VERSION, query_words, save_words
from precedent.settings import Settings
from precedent.sources import registry
from precedent.sources import repository as catalog
from precedent.text import documents as store
from precedent.text.documents import EXTRACTOR_VERSION, document_row

DOCUMENTS = 100_000
SOURCE = "bench-lexical/synthetic"
LONGEST_TEXT = 20_000
QUERIES = 200
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Asked:
    """A kind of query: its texts and filters."""

    label: str
    texts: list[str]
    filters: Filters


def main() -> None:
    """Load, ask, and print the table."""
    number = int(sys.argv[sys.argv.index("--documents") + 1]) if "--documents" in sys.argv else DOCUMENTS
    real = [document for labelled in load() for document in labelled.documents.values()]
    seconds = _load(real, number)
    database = Database.open(Settings.from_environment())
    source = catalog.get(database, SOURCE)
    table = Table(title=f"Text leg among {number:,} documents; {machine()}")
    for column in ("queries", "p50 ms", "p95 ms", "worst ms", "top 10 as exact", "exact p95 ms"):
        table.add_column(column, justify="left" if column == "queries" else "right")
    with database.bulk(source.tenant_id) as connection:
        for asked in _queries(real):
            table.add_row(asked.label, *_measured(connection, asked))
    database.close()
    console = Console(width=120)
    if seconds:
        console.print(
            f"Extracted and indexed {number:,} documents in {seconds:.0f} s ({number / seconds:,.0f} a second)"
        )
    console.print(table)


def _measured(connection: "psycopg.Connection[object]", asked: Asked) -> list[str]:
    times, answers = _timed(connection, asked, POSTINGS)
    exact_times, exact_answers = _timed(connection, asked, sys.maxsize)
    same = [
        len(set(found[:10]) & set(exact[:10])) / len(exact[:10])
        for found, exact in zip(answers, exact_answers, strict=True)
        if exact
    ]
    return [
        f"{np.percentile(times, 50):.1f}",
        f"{np.percentile(times, 95):.1f}",
        f"{max(times):.1f}",
        f"{np.mean(same):.3f}",
        f"{np.percentile(exact_times, 95):.1f}",
    ]


def _timed(
    connection: "psycopg.Connection[object]", asked: Asked, postings: int
) -> tuple[list[float], list[list[int]]]:
    """Milliseconds and answers of each query; one is asked before, so that plans and caches are warm."""
    _ask(connection, asked.texts[0], asked.filters, postings)
    times, answers = [], []
    for text in asked.texts:
        began = time.perf_counter()
        answers.append(_ask(connection, text, asked.filters, postings))
        times.append(1_000 * (time.perf_counter() - began))
    return times, answers


def _ask(connection: "psycopg.Connection[object]", text: str, filters: Filters, postings: int) -> list[int]:
    return list(by_text(connection, query_terms(connection, query_words(text)), filters, POOL, postings).scores)


def _queries(real: list[Document]) -> Iterator[Asked]:
    chance = random.Random(5)  # noqa: S311 - repeatable, not secret
    chosen = chance.sample(real, QUERIES)
    words = [
        " ".join(chance.sample(found, min(3, len(found)))) for document in chosen if (found := document.title.split())
    ]
    titles = [document.title for document in chosen]
    whole = [document.whole for document in chosen]
    yield Asked("three words of a title", words, Filters())
    yield Asked("a title", titles, Filters())
    yield Asked("a whole text", whole, Filters())
    yield Asked("a title, one of 50 authors", titles, Filters(authors=("author 7",)))
    yield Asked("a title, a rare label", titles, Filters(labels=("rare",)))


def _load(real: list[Document], number: int) -> float:
    """Load the corpus where it is not there yet; seconds for extraction and words, 0 where nothing was to do."""
    path = Settings.from_environment().home / "benchmarks" / f"lexical-{number}.jsonl"
    _write(path, real, number)
    run(["tenant", "add", SOURCE.partition("/")[0]])
    run(["source", "add", SOURCE, str(path)])
    if run(["refresh", SOURCE, "--select", "raw"]):
        raise SystemExit(f"{SOURCE} could not be loaded.")
    database = Database.open(Settings.from_environment())
    source = catalog.get(database, SOURCE)
    began = time.perf_counter()
    with database.bulk(source.tenant_id, alone_on=source.id) as connection:
        store.remove_deleted(connection, source.id)
        ids = store.pending(connection, source.id, EXTRACTOR_VERSION, WORDS_VERSION, TimeBounds(), everything=False)
        connection.commit()
        for batch in slices(ids, BATCH):
            rows = [document_row(item, registry.extract) for item in store.read(connection, batch, EXTRACTOR_VERSION)]
            store.write(connection, source.tenant_id, source.id, rows)
            save_words(connection, source.tenant_id, rows)
            connection.commit()
    database.close()
    return time.perf_counter() - began if ids else 0.0


def _write(path: Path, real: list[Document], number: int) -> None:
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    sentences = [s for d in real for s in SENTENCE.split(d.text[:LONGEST_TEXT]) if 3 < len(s) < 1_500]
    lengths = [min(len(document.text), LONGEST_TEXT) for document in real]
    titles = [document.title for document in real]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as lines:
        for place in range(1, number + 1):
            wanted, body, size = chance.choice(lengths), [], 0
            while size < wanted:
                sentence = chance.choice(sentences)
                if chance.random() < 0.5:
                    sentence = DIGIT.sub(lambda _: str(chance.randrange(10)), sentence)
                body.append(sentence)
                size += len(sentence) + 1
            lines.write(orjson.dumps(_issue(place, chance.choice(titles), "\n".join(body))) + b"\n")


def _issue(number: int, title: str, body: str) -> dict[str, object]:
    day = f"{2015 + number % 10}-{number % 12 + 1:02d}-{number % 28 + 1:02d}T10:00:00Z"
    return {
        "id": number,
        "number": number,
        "url": f"https://api.github.com/repos/bench/lexical/issues/{number}",
        "title": title,
        "body": body,
        "state": "closed" if number % 3 else "open",
        "labels": [{"name": "rare"}] if number % 1_000 == 0 else [{"name": "bug"}],
        "user": {"login": f"author {number % 50}"},
        "created_at": day,
        "updated_at": day,
    }
