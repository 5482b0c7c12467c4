"""Dagster resources: static in code, resolved from the environment and the database when a run starts.

An edit of a row so applies to the next run without a reload, the location loads with the database down, and no secret
is part of Dagster's configuration. A run keeps the revision that it started with.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.base import Capability
from precedent.providers.registry import Listed, listed
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.endpoint import Endpoint, chain
from precedent.providers.runtime.factory import open_embedder, open_generator
from precedent.providers.runtime.generator import Generator
from precedent.providers.runtime.ledger import CallContext
from precedent.providers.runtime.routing import Route
from precedent.settings import Settings
from precedent.sources import repository as sources
from precedent.sources.repository import SourceRow

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn an error that a user can act on into a Dagster failure with that sentence and no retries."""
    try:
        yield
    except PrecedentError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


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
            return sources.get(self.database, key)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the connections at the end of a run."""
        if self._database is not None:
            self._database.close()
            self._database = None


class ProviderRegistryResource(dg.ConfigurableResource[Any]):
    """Which drivers there are, and which providers a tenant has configured in the database."""

    def drivers(self) -> list[Listed]:
        """Every driver, with the reason where one cannot be used here."""
        return listed()

    def chain(self, database: Database, tenant_id: int, capability: Capability) -> Sequence[Endpoint]:
        """A tenant's active provider and its fallbacks, in order."""
        with as_failure():
            return chain(database, tenant_id, capability)


class EmbedderResource(dg.ConfigurableResource[Any]):
    """Turns a tenant's texts into vectors; a local model loads at the first text, never before."""

    def of(self, context: Context, database: Database, source: SourceRow) -> Embedder:
        """The tenant's embedder for bulk work, one a run and asset."""
        with as_failure():
            settings = Settings.from_environment()
            embedder = open_embedder(database, settings, call_context(context, source))
            _pin(context, "embedding", embedder.primary)
            return embedder


class RecommenderResource(dg.ConfigurableResource[Any]):
    """Answers what to do about a tenant's incidents."""

    def of(self, context: Context, database: Database, source: SourceRow) -> Generator:
        """The tenant's chain of providers, which ends at the rules."""
        with as_failure():
            generator = open_generator(database, Settings.from_environment(), call_context(context, source))
            _pin(context, "intelligence", generator.asked)
            return generator


def call_context(context: Context, source: SourceRow) -> CallContext:
    """Who calls: a run's asset for a source's partition."""
    asset = context.asset_key.to_user_string() if isinstance(context, dg.AssetExecutionContext) else None
    return CallContext(
        tenant_id=source.tenant_id,
        route=Route.ETL.value,
        dagster_run_id=context.run.run_id,
        asset=asset,
        partition=source.key,
        source=source.name,
    )


def _pin(context: Context, prefix: str, endpoint: Endpoint) -> None:
    """Tag the run with what serves it; a step that finds another configuration than the run began with stops it."""
    name, fingerprint = f"precedent/{prefix}_revision", endpoint.provider.fingerprint
    tags = {
        f"precedent/{prefix}_provider": endpoint.name,
        f"precedent/{prefix}_model": endpoint.provider.model,
        name: fingerprint,
    }
    run = context.instance.get_run_by_id(context.run.run_id)
    began_with = run.tags.get(name) if run else None
    if began_with is None:
        context.instance.add_run_tags(context.run.run_id, tags)
    elif began_with != fingerprint:
        raise PrecedentError(
            f"The configuration of {endpoint.name} changed while this run was under way (revision {began_with}, now "
            f"{fingerprint}): start it again; what is done is kept."
        )
