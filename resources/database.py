"""The platform's database as a Dagster resource."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

import precedent
from precedent.database.session import Database
from precedent.sources import repository as sources
from precedent.sources.repository import SourceRow
from resources.failure import as_failure

if TYPE_CHECKING:
    import psycopg


class DatabaseResource(dg.ConfigurableResource[Any]):
    """The platform's database, opened by a run at its first use.

    It has no configuration: the environment says where the database is (`precedent.Settings`), so that the code
    location also loads while the database is down, and no password becomes part of Dagster's configuration.
    """

    _platform: precedent.Platform | None = PrivateAttr(default=None)
    _sources: dict[str, SourceRow] = PrivateAttr(default_factory=dict)

    @property
    def platform(self) -> precedent.Platform:
        """The open platform of this process.

        Raises:
            dg.Failure: the database cannot be opened.
        """
        if self._platform is None:
            with as_failure():
                self._platform = precedent.open()
        return self._platform

    @property
    def database(self) -> Database:
        """The open database of this process."""
        return self.platform.database

    def source(self, key: str) -> SourceRow:
        """The source of a partition key, as its row was when the run asked for it first.

        Raises:
            dg.Failure: there is no such source.
        """
        if key not in self._sources:
            with as_failure():
                self._sources[key] = sources.get(self.database, key)
        return self._sources[key]

    def tenant(self, source: SourceRow) -> precedent.Tenant:
        """The tenant of a source: search, recommendations, usage."""
        return self.platform.tenant(source.tenant)

    @contextmanager
    def connection(self, source: SourceRow, *, alone: bool = False) -> Iterator["psycopg.Connection[Any]"]:
        """A connection that sees the rows of the source's tenant only; commits at its end.

        Args:
            source: Whose rows are read or written.
            alone: Wait until no other run or command rewrites the rows of this source.
        """
        with as_failure(), self.database.bulk(source.tenant_id, alone_on=source.id if alone else None) as connection:
            yield connection

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the connections at the end of a run."""
        if self._platform is not None:
            self._platform.close()
            self._platform = None
            self._sources.clear()
