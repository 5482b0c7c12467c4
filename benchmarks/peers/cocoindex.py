"""CocoIndex's part of `python -m benchmarks peers`: an app with a table of PostgreSQL as its target.

As its example of text embeddings does it: RecursiveSplitter with 2,000 bytes that overlap by 500, read as Markdown;
SentenceTransformerEmbedder, which gathers up to 64 passages a batch; an HNSW index declared on the table. What is new
it tells by its own memory of calls, in a folder. It has no retriever: its documentation searches by SQL. Its splitter
counts no tokens, so that passages for the model's window are of 800 bytes and overlap by 100.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import asyncpg
import cocoindex as coco
import numpy as np
from cocoindex.connectors import postgres
from cocoindex.ops.sentence_transformers import SentenceTransformerEmbedder
from cocoindex.ops.text import RecursiveSplitter
from cocoindex.resources.chunk import Chunk
from cocoindex.resources.id import IdGenerator
from numpy.typing import NDArray

from benchmarks.peers.job import PASSAGES_ASKED, Cut, Issue, Job, Query, Tool, issues, serve

TABLE = "issues"
POOL = coco.ContextKey[asyncpg.Pool]("peers_database")
EMBEDDER = coco.ContextKey[SentenceTransformerEmbedder]("peers_embedder")
SIZES: dict[Cut, tuple[int, int]] = {"default": (2000, 500), "window": (800, 100)}
NEAREST = f"SELECT source FROM {TABLE} WHERE created < $2 ORDER BY embedding <=> $1::text::vector LIMIT $3"

splitter = RecursiveSplitter()


@dataclass
class Passage:
    """A row of the table."""

    id: int
    source: str
    created: str
    text: str
    embedding: Annotated[NDArray[np.float32], EMBEDDER]


def main() -> None:
    serve(Tool(("cocoindex", "sentence-transformers"), load, texts, answers))


def split(text: str, cut: Cut) -> list[Chunk]:
    size, overlap = SIZES[cut]
    return splitter.split(text, chunk_size=size, chunk_overlap=overlap, language="markdown")


def texts(job: Job) -> Iterable[str]:
    return (chunk.text for issue in issues(job.issues) for chunk in split(issue.text, job.cut))


@coco.fn
async def store_passage(chunk: Chunk, issue: Issue, ids: IdGenerator, table: postgres.TableTarget[Passage]) -> None:
    """Declare the row of a passage."""
    embedding = await coco.use_context(EMBEDDER).embed(chunk.text)
    number = await ids.next_id(chunk.text)
    table.declare_row(row=Passage(number, issue.key, issue.created, chunk.text, embedding))


@coco.fn(memo=True)
async def store_issue(issue: Issue, cut: Cut, table: postgres.TableTarget[Passage]) -> None:
    """Declare the rows of an issue."""
    await coco.map(store_passage, split(issue.text, cut), issue, IdGenerator(), table)


@coco.fn
async def store_issues(path: Path, cut: Cut) -> None:
    """Declare the table, its index and all rows."""
    schema = await postgres.TableSchema.from_class(Passage, primary_key=["id"])
    table = await postgres.mount_table_target(POOL, TABLE, schema)
    table.declare_vector_index(column="embedding", metric="cosine", method="hnsw")
    await coco.mount_each(store_issue, [(issue.key, issue) for issue in issues(path)], cut, table)


def load(job: Job, empty: bool) -> None:
    """Bring the table up to date with the file."""

    @coco.lifespan
    async def provided(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
        builder.settings.db_path = job.folder / "state"
        async with asyncpg.create_pool(job.url) as pool:
            builder.provide(POOL, pool)
            builder.provide(EMBEDDER, SentenceTransformerEmbedder(str(job.model), device="cpu"))
            yield

    app = coco.App(coco.AppConfig(name="peers"), store_issues, job.issues, job.cut)
    app.update_blocking()


def answers(job: Job, queries: Sequence[Query]) -> list[list[str]]:
    return asyncio.run(_answers(job, queries))


async def _answers(job: Job, queries: Sequence[Query]) -> list[list[str]]:
    embedder = SentenceTransformerEmbedder(str(job.model), device="cpu")
    found = []
    async with asyncpg.create_pool(job.url) as pool:
        for query in queries:
            vector = await embedder.embed(query.text)
            literal = "[" + ",".join(map(str, vector.tolist())) + "]"
            rows = await pool.fetch(NEAREST, literal, query.before, PASSAGES_ASKED)
            found.append([row["source"] for row in rows])
    return found


if __name__ == "__main__":
    main()
