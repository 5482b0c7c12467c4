"""LangChain's part of `python -m benchmarks peers`: index() with a record manager, into PGVectorStore.

As its documentation does it: passages of 1,000 characters that overlap by 200, 100 passages a batch, the HNSW index
built after the first load. The creation time is a column of its own, for the queries' filter. Of the ways to clean up
`scoped_full` is taken: `incremental` deletes and embeds anew the passages of an issue that two batches share, which of
issues as long as these are most.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_classic.indexes import SQLRecordManager, index
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_postgres import Column, PGEngine, PGVectorStore
from langchain_postgres.v2.indexes import HNSWIndex
from langchain_text_splitters import RecursiveCharacterTextSplitter

from benchmarks.peers.job import OVERLAP, PASSAGES_ASKED, WINDOW, Job, Query, Tool, issues, serve

TABLE = "issues"
COLUMNS = ("source", "created")
DIMENSIONS = 384


def main() -> None:
    packages = ("langchain-core", "langchain-postgres", "langchain-huggingface", "langchain-text-splitters")
    serve(Tool(packages, load, texts, answers))


def cut(job: Job) -> list[Document]:
    """The passages of all issues."""
    documents = [
        Document(page_content=issue.text, metadata={"source": issue.key, "created": issue.created})
        for issue in issues(job.issues)
    ]
    return splitter(job).split_documents(documents)


def splitter(job: Job) -> RecursiveCharacterTextSplitter:
    if job.cut == "default":
        return RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(job.model))
    return RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        tokenizer, chunk_size=WINDOW - 2, chunk_overlap=OVERLAP
    )


def texts(job: Job) -> Iterable[str]:
    return (passage.page_content for passage in cut(job))


def open_store(job: Job, *, empty: bool) -> PGVectorStore:
    """The table of the passages, made where there is none."""
    engine = PGEngine.from_connection_string(url=job.url_for("psycopg"))
    if empty:
        columns = [Column(name, "TEXT") for name in COLUMNS]
        engine.init_vectorstore_table(table_name=TABLE, vector_size=DIMENSIONS, metadata_columns=columns)
    embeddings = HuggingFaceEmbeddings(model_name=str(job.model), model_kwargs={"device": "cpu"})
    return PGVectorStore.create_sync(
        engine=engine, table_name=TABLE, embedding_service=embeddings, metadata_columns=list(COLUMNS)
    )


def load(job: Job, empty: bool) -> None:
    """Embed and store what the record manager does not know, delete what it no longer finds in an issue."""
    store = open_store(job, empty=empty)
    records = SQLRecordManager(f"pgvector/{TABLE}", db_url=job.url_for("psycopg"))
    if empty:
        records.create_schema()
    index(cut(job), records, store, cleanup="scoped_full", source_id_key="source")
    if empty:
        store.apply_vector_index(HNSWIndex())


def answers(job: Job, queries: Sequence[Query]) -> list[list[str]]:
    store = open_store(job, empty=False)
    found = []
    for query in queries:
        wanted: dict[str, Any] = {"k": PASSAGES_ASKED, "filter": {"created": {"$lt": query.before}}}
        passages = store.as_retriever(search_kwargs=wanted).invoke(query.text)
        found.append([passage.metadata["source"] for passage in passages])
    return found


if __name__ == "__main__":
    main()
