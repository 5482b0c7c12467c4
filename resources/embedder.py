"""The embedding models of the tenants as a Dagster resource."""

from typing import Any

import dagster as dg
from pydantic import Field

from precedent.database.session import Database
from precedent.providers.runtime.embedder import Embedder
from precedent.providers.runtime.factory import open_embedder
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from resources.failure import as_failure
from resources.run_context import Context, call_context, pin_revision


class EmbedderResource(dg.ConfigurableResource[Any]):
    """Turns the texts of a tenant into vectors, with the provider that the tenant's row in the database names.

    A local model is loaded at the first text, never before.
    """

    workers: int = Field(
        default=2, ge=1, description="Threads of a run: one computes while another reads texts or writes vectors."
    )

    def for_source(self, context: Context, database: Database, source: SourceRow) -> Embedder:
        """The embedder of the source's tenant for this run and asset.

        Raises:
            dg.Failure: the provider cannot be used, or its configuration changed during the run.
        """
        with as_failure():
            embedder = open_embedder(database, Settings.from_environment(), call_context(context, source))
            pin_revision(context, "embedding", embedder.primary)
            return embedder
