"""The text generation of the tenants as a Dagster resource."""

from typing import Any

import dagster as dg

from precedent.database.session import Database
from precedent.providers.runtime.factory import open_generator
from precedent.providers.runtime.generator import Generator
from precedent.settings import Settings
from precedent.sources.repository import SourceRow
from resources.failure import as_failure
from resources.run_context import Context, call_context, pin_revision


class RecommenderResource(dg.ConfigurableResource[Any]):
    """Answers what to do about the incidents of a tenant, by the tenant's providers or, at last, by the rules."""

    def for_source(self, context: Context, database: Database, source: SourceRow) -> Generator:
        """The chain of providers of the source's tenant for this run and asset.

        Raises:
            dg.Failure: a provider cannot be used, or its configuration changed during the run.
        """
        with as_failure():
            generator = open_generator(database, Settings.from_environment(), call_context(context, source))
            pin_revision(context, "intelligence", generator.asked)
            return generator
