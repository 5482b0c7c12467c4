"""The providers of the tenants as a Dagster resource."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.registry import Listed, listed
from precedent.providers.runtime.endpoint import Endpoint, chain
from resources.failure import as_failure


class ProviderRegistryResource(dg.ConfigurableResource[Any]):
    """Which drivers are installed, and which providers a tenant has configured in the database.

    The rows are read when a run asks for them: an edit of a row applies to the next run without a reload of the code
    location, and no key becomes part of Dagster's configuration.
    """

    asked_at_once: int = Field(
        default=4, ge=1, description="Tenants whose providers the check `provider_reachable` asks at the same time."
    )

    def drivers(self) -> list[Listed]:
        """All drivers, with the reason where one cannot be used on this machine."""
        return listed()

    def chain(self, database: Database, tenant_id: int, capability: Capability) -> Sequence[Endpoint]:
        """A tenant's active provider and its fallbacks, in the order in which they are asked.

        Raises:
            dg.Failure: the configuration of a provider cannot be used.
        """
        with as_failure():
            return chain(database, tenant_id, capability)
