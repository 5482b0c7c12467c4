"""LlamaIndex's part of `python -m benchmarks peers`: an IngestionPipeline with a document store, into PGVectorStore.

As its documentation does it: SentenceSplitter with its 1,024 tokens (of another model's tokenizer) that overlap by 200,
10 passages a batch, HNSW made with the table. The document store, which is written to a folder, tells what is new; the
pipeline's cache of transformations is off, because beside the store it would only cost. The creation time is not
embedded.
"""

from collections.abc import Iterable, Sequence

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import MetadataMode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.postgres import PGVectorStore

from benchmarks.peers.job import OVERLAP, PASSAGES_ASKED, WINDOW, Job, Query, Tool, issues, serve

DIMENSIONS = 384
HNSW = {"hnsw_m": 16, "hnsw_ef_construction": 64, "hnsw_ef_search": 40, "hnsw_dist_method": "vector_cosine_ops"}


def main() -> None:
    packages = ("llama-index-core", "llama-index-embeddings-huggingface", "llama-index-vector-stores-postgres")
    serve(Tool(packages, load, texts, answers))


def documents(job: Job) -> list[Document]:
    hidden = {"excluded_embed_metadata_keys": ["created"], "excluded_llm_metadata_keys": ["created"]}
    return [
        Document(id_=issue.key, text=issue.text, metadata={"created": issue.created}, **hidden)
        for issue in issues(job.issues)
    ]


def splitter(job: Job) -> SentenceSplitter:
    if job.cut == "default":
        return SentenceSplitter()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(job.model))
    return SentenceSplitter(chunk_size=WINDOW - 2, chunk_overlap=OVERLAP, tokenizer=tokenizer.tokenize)


def texts(job: Job) -> Iterable[str]:
    return (node.get_content(metadata_mode=MetadataMode.EMBED) for node in splitter(job)(documents(job)))


def open_store(job: Job) -> PGVectorStore:
    return PGVectorStore.from_params(
        connection_string=job.url_for("psycopg2"),
        async_connection_string=job.url_for("asyncpg"),
        table_name="issues",
        embed_dim=DIMENSIONS,
        hnsw_kwargs=dict(HNSW),
    )


def embedder(job: Job) -> HuggingFaceEmbedding:
    return HuggingFaceEmbedding(model_name=str(job.model), device="cpu")


def load(job: Job, empty: bool) -> None:
    """Embed and store the documents whose hash the document store does not have."""
    pipeline = IngestionPipeline(
        transformations=[splitter(job), embedder(job)],
        vector_store=open_store(job),
        docstore=SimpleDocumentStore(),
        disable_cache=True,
    )
    if not empty:
        pipeline.load(str(job.folder))
    pipeline.run(documents=documents(job))
    pipeline.persist(str(job.folder))


def answers(job: Job, queries: Sequence[Query]) -> list[list[str]]:
    index = VectorStoreIndex.from_vector_store(open_store(job), embed_model=embedder(job))
    found = []
    for query in queries:
        earlier = MetadataFilter(key="created", value=query.before, operator=FilterOperator.LT)
        retriever = index.as_retriever(similarity_top_k=PASSAGES_ASKED, filters=MetadataFilters(filters=[earlier]))
        found.append([str(result.node.ref_doc_id) for result in retriever.retrieve(query.text)])
    return found


if __name__ == "__main__":
    main()
