"""Dagster resources: static in code, resolved from the environment and the database when a run starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from resources.catalog import SourceRow, find
from resources.database.session import Database
from resources.errors import PrecedentError
from resources.providers.drivers.sentence_transformers import SentenceTransformersProvider
from resources.providers.model_files import resolve
from resources.settings import Settings


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn an error that a user can act on into a Dagster failure with that sentence and no retries."""
    try:
        yield
    except PrecedentError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


class DatabaseResource(dg.ConfigurableResource[Any]):
    """The platform's database; the location loads with it down, a run opens it when it starts."""

    _database: Database | None = PrivateAttr(default=None)

    @property
    def database(self) -> Database:
        """The open database of this process."""
        if self._database is None:
            with as_failure():
                self._database = Database.open()
        return self._database

    def source(self, key: str) -> SourceRow:
        """The source of a partition key; a missing one fails the run with a sentence."""
        with as_failure():
            return find(self.database, key)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the connections at the end of a run."""
        if self._database is not None:
            self._database.close()
            self._database = None


class EmbedderResource(dg.ConfigurableResource[Any]):
    """The provider that turns texts into vectors; the model loads at the first text, never before."""

    @cached_property
    def provider(self) -> SentenceTransformersProvider:
        """The local model of this process."""
        with as_failure():
            return SentenceTransformersProvider(resolve(Settings.from_environment()))
