"""Search and similar as one process sees them: a database, an embedder, a tokenizer."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from precedent.database.session import Database
from precedent.errors import NotFoundError, UsageError
from precedent.progress import slices
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.factory import open_space_embedder
from precedent.providers.runtime.ledger import CallContext
from precedent.search import retrieval
from precedent.search.dense import EF_SEARCH, document_vectors
from precedent.search.filters import Filters
from precedent.search.query_vectors import PASSAGES, QueryVectorCache, Vectors, embed_queries
from precedent.search.rerank import Reranker, open_reranker
from precedent.search.retrieval import Mode, Result
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from precedent.text import documents
from precedent.text.documents import Document
from precedent.vector_stores.nearest import Hits, nearest_or_reason
from precedent.vectors import space as spaces
from precedent.vectors.space import Space

QUERIES_AT_ONCE = 512
SOURCE_NAMES = "SELECT name FROM integrations WHERE type = 'data_source' ORDER BY name"
logger = logging.getLogger(__name__)
# One for the process: what one user asks, others ask again.
CACHE = QueryVectorCache()


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the tenant's documents.

    Attributes:
        text: Its words; the first line counts most.
        k: How many results.
        mode: Which legs answer.
        filters: What a result must be.
        rerank: Whether the configured cross-encoder orders the first results.
    """

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
        self._reasons_logged: set[str] = set()

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
                        retrieval.search(
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
        """Documents that resemble one; its own vectors are the query.

        Args:
            external_id: The document's.
            source: Its source, where the id is not unique.
            kind: Its kind, where the id is not unique.
            k: How many results.
            mode: Which legs answer.
            filters: What a result must be.
            rerank: Whether the configured cross-encoder orders the first results.

        Raises:
            NotFoundError: there is no such document, or nothing is embedded.
            UsageError: there are several, or nothing is configured to rerank with.
        """
        document = self.document(external_id, source=source, kind=kind)
        space_id = self.space.id if mode is not Mode.TEXT else None
        with self.database.bulk(self.tenant.id) as connection:
            vectors = None
            if space_id is not None:
                vectors = document_vectors(connection, space_id, document.id, PASSAGES)
            return retrieval.search(
                connection,
                space_id=space_id,
                text=f"{document.title}\n{document.text}",
                vectors=vectors,
                mode=mode,
                k=k,
                filters=filters,
                reranker=self.reranker if rerank else None,
            )

    def document(self, external_id: str, *, source: str | None, kind: str | None) -> Document:
        """A document by its external id.

        Raises:
            NotFoundError: there is none.
            UsageError: there are several; the message names their sources and kinds.
        """
        with self.database.bulk(self.tenant.id) as connection:
            found = documents.find(connection, external_id, source=source, kind=kind)
        if not found:
            what = kind or "item"
            raise NotFoundError(
                f"{self.tenant.name} has no {what} {external_id!r}: check the id and --tenant, or refresh its source."
            )
        if len(found) > 1:
            places = ", ".join(f"--source {item.source} --kind {item.kind}" for item in found)
            raise UsageError(f"{external_id!r} stands in several places: say which ({places}).")
        return found[0]

    def query_vectors(self, texts: Sequence[str]) -> list[Vectors | None]:
        """The vectors of each text's first passages, shape (passages, dimensions); None for a text without words."""
        wanted = dict.fromkeys(text for text in texts if text.strip())
        if not wanted:
            return [None] * len(texts)
        space = (str(self.database.endpoints.app), self.tenant.id, self.space.id)
        known = {text: vectors for text in wanted if (vectors := CACHE.get(space, text)) is not None}
        missing = [text for text in wanted if text not in known]
        if missing:
            for text, vectors in zip(missing, embed_queries(self.provider, missing), strict=True):
                CACHE.save(space, text, vectors)
                known[text] = vectors
        return [known.get(text) for text in texts]

    def _hits(self, queries: Sequence[Vectors | None]) -> list[list[Hits] | None]:
        """What the tenant's vector store finds nearest to each query's vectors, as much as PostgreSQL's index looks at.

        None for a query without vectors, and for all where there is no store or PostgreSQL is to look instead.
        """
        asked = [vector for vectors in queries if vectors is not None for vector in vectors]
        if not asked:
            return [None] * len(queries)
        answer = nearest_or_reason(self.database, self.settings, self.tenant.id, self.space, asked, EF_SEARCH)
        if answer.reason and answer.reason not in self._reasons_logged:
            self._reasons_logged.add(answer.reason)
            logger.warning("PostgreSQL answers in the place of the vector store: %s", answer.reason)
        if answer.hits is None:
            return [None] * len(queries)
        found = iter(answer.hits)
        return [None if vectors is None else list(islice(found, len(vectors))) for vectors in queries]

    def _check_sources(self, names: set[str]) -> None:
        if not names:
            return
        with self.database.bulk(self.tenant.id) as connection:
            known = [name for (name,) in connection.execute(SOURCE_NAMES)]
        for name in sorted(names.difference(known)):
            raise NotFoundError(
                f"{self.tenant.name} has no source {name!r} (known: {', '.join(known) or 'none yet'}): "
                "correct --source, or leave it out."
            )
