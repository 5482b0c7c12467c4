"""A tenant's providers as they may be shown: what is configured, what was seen of it, and never a secret."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.config.validation import ENVIRONMENT, addresses
from precedent.providers.registry import driver_type
from precedent.providers.runtime import health
from precedent.providers.runtime.endpoint import Endpoint, chain, endpoint_of
from precedent.providers.runtime.health import UNSEEN, Health
from precedent.security.addresses import is_private_url
from precedent.security.credentials import CredentialView, last_four, shown
from precedent.settings import Settings
from precedent.tenants import tenants

NO_CREDENTIALS = CredentialView(False)


class Origin(StrEnum):
    """Where a provider comes from."""

    ROW = "row"
    ENVIRONMENT = "environment"
    BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as it may be shown.

    Attributes:
        provider: The configuration, without credentials.
        origin: `row`; or `environment` and `built-in`, where the tenant has no active row for the capability.
        version: Counts the edits; 0 where there is no row.
        fingerprint: Changes when answers could; None where there is a `problem`.
        external: True if the endpoint is outside the organisation; None where there is a `problem`.
        credentials: What may be shown of them.
        seen: What was last seen of it.
        problem: Why the row cannot be used as it is, or None.
        updated_at: When it was last edited.
    """

    provider: Provider
    origin: Origin
    version: int = 0
    fingerprint: str | None = None
    external: bool | None = None
    credentials: CredentialView = NO_CREDENTIALS
    seen: Health = field(default=UNSEEN)
    problem: str | None = None
    updated_at: datetime | None = None

    def dump(self) -> dict[str, Any]:
        """The same as one flat mapping, for JSON; of options only what is configured."""
        provider = self.provider
        groups = {name: getattr(provider, name).said() for name in ("options", "performance", "cost")}
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "provider"}
        return {**provider.model_dump(exclude={"credentials"}), **groups, **own}


def list(database: Database, settings: Settings, tenant: str) -> Sequence[ProviderView]:
    """A tenant's rows, and what serves a capability without an active one; readable also where a key is lost.

    Raises:
        NotFoundError: there is no such tenant.
    """
    owner = tenants.get(database, tenant)
    seen = health.list(database, owner.id)
    found = [
        _of_row(stored, settings, seen.get(stored.provider.name, UNSEEN))
        for stored in repository.list(database, owner.id)
    ]
    chosen = {view.provider.capability for view in found if view.provider.active}
    for capability in Capability:
        if capability not in chosen:
            endpoint = chain(database, owner.id, capability)[0]
            found.append(_without_row(endpoint, seen.get(endpoint.name, UNSEEN)))
    return sorted(found, key=lambda view: (view.provider.capability, not view.provider.active, view.provider.name))


def get(database: Database, settings: Settings, tenant: str, name: str) -> Sequence[ProviderView]:
    """The row of a name, or what serves under it without one, by capability.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    found = list(database, settings, tenant)
    named = [view for view in found if view.provider.name == name]
    if not named:
        known = ", ".join(sorted({view.provider.name for view in found}))
        raise NotFoundError(
            f"{tenant} has no provider {name!r} (known: {known}): add it with `precedent provider add`."
        )
    return [view for view in named if view.origin is Origin.ROW] or named


def endpoints(database: Database, tenant: str, name: str) -> Sequence[Endpoint]:
    """What is called under a name: a row, or what serves without one, by capability.

    Raises:
        NotFoundError: there is none of this name.
        UsageError: it cannot be used as it is configured.
    """
    try:
        return [endpoint_of(repository.get(database, tenant, name))]
    except NotFoundError:
        owner = tenants.get(database, tenant)
        heads = [chain(database, owner.id, capability)[0] for capability in Capability]
        found = [endpoint for endpoint in heads if endpoint.row_id is None and endpoint.name == name]
        if not found:
            raise
        return found


def with_private_address(database: Database, tenant_id: int) -> Sequence[str]:
    """The names of the providers whose address, or that of their tokens, is a private one."""
    return [
        stored.provider.name
        for stored in repository.list(database, tenant_id)
        if stored.problem is None
        and any(map(is_private_url, addresses(stored.provider, driver_type(stored.provider.driver).info)))
    ]


def _of_row(stored: StoredProvider, settings: Settings, seen: Health) -> ProviderView:
    usable = endpoint_of(stored) if stored.problem is None else None
    return ProviderView(
        stored.provider,
        Origin.ROW,
        version=stored.version,
        fingerprint=stored.provider.fingerprint if usable else None,
        external=usable.external if usable else None,
        credentials=shown(settings, stored.sealed, tenant_id=stored.tenant_id, row_id=stored.id),
        seen=seen.of(stored.edit_id) if usable else UNSEEN,
        problem=stored.problem,
        updated_at=stored.updated_at,
    )


def _without_row(endpoint: Endpoint, seen: Health) -> ProviderView:
    from_environment = endpoint.name == ENVIRONMENT
    key = os.environ.get("OPENAI_API_KEY", "") if from_environment else ""
    return ProviderView(
        endpoint.provider.model_copy(update={"active": True}),
        Origin.ENVIRONMENT if from_environment else Origin.BUILT_IN,
        fingerprint=endpoint.provider.fingerprint,
        external=endpoint.external,
        credentials=CredentialView(bool(key), last_four(key)),
        seen=seen.of(endpoint.edit_id),
    )
