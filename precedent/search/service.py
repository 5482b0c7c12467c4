"""Search and similar as one process sees them: a database, an embedder, a tokenizer."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from precedent.database.models import DataSource, Document
from precedent.database.session import Database
from precedent.errors import NotFoundError, PrecedentError, UsageError
from precedent.progress import slices
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.factory import open_space_embedder
from precedent.providers.runtime.ledger import CallContext
from precedent.qdrant.reading import nearest_or_reason
from precedent.search import legs as store
from precedent.search.cache import QueryVectors
from precedent.search.dense import EF_SEARCH, Hits
from precedent.search.legs import Filters, Mode, Result
from precedent.search.rerank import Reranker, open_reranker
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from precedent.text.chunking import chunk
from precedent.vectors import space as spaces
from precedent.vectors.embedding import EmbeddingError
from precedent.vectors.space import Space

# A query longer than the model's window becomes several passages; the first ones carry its meaning.
QUERY_PASSAGES = 3
QUERIES_AT_ONCE = 512
logger = logging.getLogger(__name__)
# One for the process: what somebody asked, others ask again.
CACHE = QueryVectors()


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the tenant's documents."""

    text: str
    k: int = 10
    mode: Mode = Mode.HYBRID
    filters: Filters = field(default_factory=Filters)
    rerank: bool = False


class Searcher:
    """Answers queries of one tenant."""

    def __init__(self, database: Database, tenant: str, settings: Settings) -> None:
        self.database = database
        self.tenant = tenancy.get(database, tenant)
        self.settings = settings
        self._said: set[str] = set()

    @cached_property
    def provider(self) -> Embedder:
        """What embeds queries for the active space; a local model loads when the first query needs a vector."""
        return open_space_embedder(self.database, self.settings, CallContext(self.tenant.id), self.space)

    @cached_property
    def space(self) -> Space:
        """The tenant's active space.

        Raises:
            NotFoundError: nothing is embedded.
        """
        with self.database.bulk(self.tenant.id) as connection:
            return spaces.active(connection)

    @cached_property
    def reranker(self) -> Reranker:
        """The configured cross-encoder.

        Raises:
            UsageError: none is configured.
        """
        return open_reranker(self.settings.reranker)

    def search(self, queries: Sequence[Query]) -> list[list[Result]]:
        """Answer queries, in their order; their texts are embedded together.

        Raises:
            NotFoundError: a query names a source that the tenant does not have, or nothing is embedded.
            UsageError: a query is to be reranked and nothing is configured for it.
        """
        self._check_sources({name for query in queries for name in query.filters.sources})
        found: list[list[Result]] = []
        for part in slices(queries, QUERIES_AT_ONCE):
            vectors = self.query_vectors([query.text if query.mode is not Mode.TEXT else "" for query in part])
            hits = self._hits(vectors)
            with self.database.bulk(self.tenant.id) as connection:
                for query, own, near in zip(part, vectors, hits, strict=True):
                    found.append(
                        store.search(
                            connection,
                            space_id=None if own is None else self.space.id,
                            text=query.text,
                            vectors=own,
                            mode=query.mode,
                            k=query.k,
                            filters=query.filters,
                            reranker=self.reranker if query.rerank else None,
                            hits=near,
                        )
                    )
        return found

    def _hits(self, queries: Sequence[NDArray[np.float32] | None]) -> list[list[Hits] | None]:
        """What the tenant's vector store finds nearest to each query's vectors, as much as PostgreSQL's index looks at.

        None for a query without vectors, and for all where there is no store or PostgreSQL is to look instead.
        """
        asked = [vector for vectors in queries if vectors is not None for vector in vectors]
        if not asked:
            return [None] * len(queries)
        answer = nearest_or_reason(self.database, self.settings, self.tenant.id, self.space, asked, EF_SEARCH)
        if answer.reason and answer.reason not in self._said:
            self._said.add(answer.reason)
            logger.warning("PostgreSQL answers in the place of the vector store: %s", answer.reason)
        if answer.hits is None:
            return [None] * len(queries)
        found = iter(answer.hits)
        return [None if vectors is None else list(islice(found, len(vectors))) for vectors in queries]

    def similar(
        self,
        external_id: str,
        *,
        source: str | None,
        kind: str | None,
        k: int,
        mode: Mode,
        filters: Filters,
        rerank: bool = False,
    ) -> list[Result]:
        """Documents that resemble one; its own vectors are the query."""
        document = self.document(external_id, source=source, kind=kind)
        space_id = self.space.id if mode is not Mode.TEXT else None
        with self.database.bulk(self.tenant.id) as connection:
            vectors = None
            if space_id is not None:
                vectors = store.document_vectors(connection, space_id, document.id, QUERY_PASSAGES)
            return store.search(
                connection, space_id=space_id, text=f"{document.title}\n{document.text}", vectors=vectors,
                mode=mode, k=k, filters=filters, reranker=self.reranker if rerank else None,
            )  # fmt: skip

    def document(self, external_id: str, *, source: str | None, kind: str | None) -> Document:
        """A document by its external id.

        Raises:
            NotFoundError: there is none.
            UsageError: there are several; the message names their sources and kinds.
        """
        with self.database.tenant(self.tenant.id) as session:
            statement = (
                select(Document, DataSource.name)
                .join(DataSource, DataSource.id == Document.source_id)
                .where(Document.external_id == external_id)
            )
            if source:
                statement = statement.where(DataSource.name == source)
            if kind:
                statement = statement.where(Document.kind == kind)
            rows = session.execute(statement).all()
            for row in rows:
                session.expunge(row[0])
        if not rows:
            what = kind or "item"
            raise NotFoundError(
                f"{self.tenant.name} has no {what} {external_id!r}: check the id and --tenant, or refresh its source."
            )
        if len(rows) > 1:
            places = ", ".join(sorted(f"--source {row[1]} --kind {row[0].kind}" for row in rows))
            raise UsageError(f"{external_id!r} stands in several places: say which ({places}).")
        document: Document = rows[0][0]
        return document

    def source_name(self, source_id: int) -> str | None:
        """The name of one of the tenant's sources, or None if there is none with this id."""
        with self.database.tenant(self.tenant.id) as session:
            return session.scalar(select(DataSource.name).where(DataSource.id == source_id))

    def _check_sources(self, names: set[str]) -> None:
        if not names:
            return
        with self.database.tenant(self.tenant.id) as session:
            known = sorted(session.scalars(select(DataSource.name)))
        for name in sorted(names.difference(known)):
            raise NotFoundError(
                f"{self.tenant.name} has no source {name!r} (known: {', '.join(known) or 'none yet'}): "
                "correct --source, or leave it out."
            )

    def query_vectors(self, texts: Sequence[str]) -> list[NDArray[np.float32] | None]:
        """For each text its passages' vectors, or None where there is no text; what was asked before is kept."""
        wanted = dict.fromkeys(text for text in texts if text.strip())
        if not wanted:
            return [None] * len(texts)
        space = (str(self.database.endpoints.app), self.tenant.id, self.space.id)
        have = {text: CACHE.get(space, text) for text in wanted}
        missing = [text for text, vectors in have.items() if vectors is None]
        if missing:
            for text, vectors in zip(missing, self._embed(missing), strict=True):
                if vectors is not None:
                    CACHE.put(space, text, vectors)
                have[text] = vectors
        return [have.get(text) for text in texts]

    def _embed(self, texts: Sequence[str]) -> list[NDArray[np.float32] | None]:
        """For each text its passages' vectors, or None where there is no text."""
        counter = self.provider.counter
        passages: list[str] = []
        spans: list[tuple[int, int]] = []
        for text in texts:
            title, _, body = text.strip().partition("\n")
            own = [part.text for part in chunk(title, body, counter)][:QUERY_PASSAGES] if text.strip() else []
            spans.append((len(passages), len(passages) + len(own)))
            passages += own
        try:
            vectors = self.provider.embed(passages).vectors
        except EmbeddingError as error:
            raise PrecedentError(
                f"The query could not be embedded ({error}): try again, or search by words with --mode text."
            ) from None
        return [vectors[start:end] if end > start else None for start, end in spans]
