"""The platform and its tenants as Python objects: what the command line calls, and what a program may call.

Each method imports what it needs when it is called, so that listing sources does not load what search needs.
"""

from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from precedent.database.session import Database
from precedent.settings import Settings
from precedent.tenants import tenants
from precedent.tenants.tenants import DEFAULT_TENANT

if TYPE_CHECKING:
    from precedent.incidents.service import Analysis
    from precedent.providers.billing.summary import Usage
    from precedent.providers.config.views import ProviderView
    from precedent.search.filters import Filters
    from precedent.search.retrieval import Mode, Result
    from precedent.search.service import Query, Searcher
    from precedent.sources.status import SourceStatus


def open(settings: Settings | None = None) -> "Platform":
    """Open the platform: start the embedded database if none is configured, and bring its schema up to date.

    Args:
        settings: Where everything is; by default what the environment says.

    Raises:
        UsageError: a variable of the environment cannot be read.
        DatabaseError: the database cannot be started, reached or set up.
    """
    settings = settings or Settings.from_environment()
    return Platform(settings, Database.open(settings))


class Platform:
    """An open platform; leaving its `with` block closes the connections.

    Attributes:
        settings: Where everything is.
        database: The open database, for modules of `precedent` that take one.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; an embedded database stops with its last process."""
        self.database.close()

    def tenant(self, name: str = DEFAULT_TENANT) -> "Tenant":
        """A tenant by its name; `default` always exists.

        Raises:
            NotFoundError: there is no such tenant.
        """
        return Tenant(self, tenants.get(self.database, name))

    def tenants(self) -> list[str]:
        """The names of all tenants, in alphabetical order."""
        tenants.get(self.database, DEFAULT_TENANT)
        return [row.name for row in tenants.list(self.database)]

    def sources(self) -> list["SourceStatus"]:
        """The sources of all tenants: state, rows by layer, last refresh."""
        from precedent.sources.status import statuses

        return statuses(self.database)


class Tenant:
    """One tenant of an open platform; it sees nothing of the others.

    An object remembers the model that its first search needed: a server asks the platform for a new one per request.

    Attributes:
        id: The tenant's number in the database.
        name: The tenant's name.
    """

    def __init__(self, platform: Platform, row: tenants.TenantRow) -> None:
        self.platform = platform
        self.id = row.id
        self.name = row.name

    @cached_property
    def searcher(self) -> "Searcher":
        """What answers this tenant's queries; the model is loaded at the first query that needs a vector."""
        from precedent.search.service import Searcher

        return Searcher(self.platform.database, self.name, self.platform.settings)

    def search(
        self,
        text: str,
        *,
        k: int = 10,
        mode: "Mode | str" = "hybrid",
        filters: "Filters | None" = None,
        rerank: bool = False,
    ) -> list["Result"]:
        """Find issues, pull requests, commits, incidents and releases by meaning and words, the best first.

        Args:
            text: What to look for.
            k: How many results at most.
            mode: `hybrid` (meaning and words), `vector` (meaning) or `text` (words; needs no model).
            filters: What a result must be: kinds, sources, states, labels, authors, times.
            rerank: Order the first results by the cross-encoder of `PRECEDENT_RERANKER`.

        Raises:
            NotFoundError: a source of the filters does not exist, or nothing is embedded yet.
            UsageError: reranking is asked for and no cross-encoder is configured.
        """
        from precedent.search.filters import Filters
        from precedent.search.retrieval import Mode
        from precedent.search.service import Query

        return self.search_many([Query(text, k, Mode(mode), filters or Filters(), rerank)])[0]

    def search_many(self, queries: Sequence["Query"]) -> list[list["Result"]]:
        """Answer many queries, in their order; their texts are embedded together.

        Raises:
            NotFoundError: as `search`.
            UsageError: as `search`.
        """
        return self.searcher.search(queries)

    def similar(
        self,
        external_id: str,
        *,
        source: str | None = None,
        kind: str | None = None,
        k: int = 10,
        mode: "Mode | str" = "hybrid",
        filters: "Filters | None" = None,
        rerank: bool = False,
    ) -> list["Result"]:
        """Find what resembles an item, the best first.

        Args:
            external_id: The item's id, for example `ABC-12` or `owner/name#7`; the item itself is not left out.
            source: The item's source, where its id is not unique.
            kind: The item's kind, where its id is not unique.
            k: How many results at most.
            mode: As for `search`.
            filters: As for `search`.
            rerank: As for `search`.

        Raises:
            NotFoundError: there is no such item.
            UsageError: there are several; the message names them.
        """
        from precedent.search.filters import Filters
        from precedent.search.retrieval import Mode

        return self.searcher.similar(
            external_id, source=source, kind=kind, k=k, mode=Mode(mode), filters=filters or Filters(), rerank=rerank
        )

    def recommend(self, external_id: str, *, source: str | None = None, again: bool = False) -> "Analysis":
        """What to do about a stored incident: its newest analysis, made now where it is missing or out of date.

        Args:
            external_id: The incident's id.
            source: Its source, where the id is not unique.
            again: Analyse it again although nothing has changed.

        Raises:
            NotFoundError: there is no such incident.
        """
        from precedent.incidents.service import Recommender

        return Recommender(self.searcher).recommend(external_id, source=source, again=again)

    def recommend_for(self, title: str, text: str = "") -> "Analysis":
        """What to do about an incident that is only described; nothing is stored.

        Args:
            title: What happened, in a sentence.
            text: More about it: alerts, logs.

        Raises:
            NotFoundError: nothing is embedded yet, so that there is no evidence.
        """
        from precedent.incidents.service import Recommender

        return Recommender(self.searcher).recommend_for(title, text)

    def sources(self) -> list["SourceStatus"]:
        """The tenant's sources: state, rows by layer, last refresh."""
        from precedent.sources.status import statuses

        return statuses(self.platform.database, self.name)

    def providers(self) -> Sequence["ProviderView"]:
        """The tenant's AI providers, and what serves where there are none; never a secret."""
        from precedent.providers.config import views

        return views.list(self.platform.database, self.platform.settings, self.name)

    def usage(self, period: str = "7d", by: str = "provider") -> "Usage":
        """What calls to providers have used and cost, and the budget of the current month.

        Args:
            period: `24h`, `7d`, `4w`, `3m` (months) or two days such as `2026-11-01..2026-11-30` (UTC).
            by: `provider`, `model`, `asset`, `day` or `operation`.

        Raises:
            UsageError: there is no such period or group.
        """
        from precedent.providers.billing.summary import usage

        return usage(self.platform.database, self.id, period, by)
