"""A tenant's providers as they may be shown: what is configured, what was seen of it, and never a secret."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.providers import health
from precedent.providers.base import Capability
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.config.validation import ENVIRONMENT, addresses
from precedent.providers.health import UNSEEN, Health
from precedent.providers.registry import driver_type
from precedent.providers.runtime.endpoint import Endpoint, chain, endpoint_of
from precedent.security.addresses import is_private_url
from precedent.security.credentials import CredentialView, last_four, shown
from precedent.settings import Settings
from precedent.tenants import tenants

GROUPS = ("options", "performance", "cost")


class Origin(StrEnum):
    """Where a provider comes from."""

    ROW = "row"
    ENVIRONMENT = "environment"
    BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider as it may be shown.

    Attributes:
        stored: The configuration with its version; what serves without a row has version 0.
        origin: `row`; or `environment` and `built-in`, where the tenant has no active row for the capability.
        fingerprint: Changes when answers could; None of a row that cannot be used.
        external: True if the endpoint is outside the organisation; None of a row that cannot be used.
        credentials: What may be shown of them.
        seen: What was last seen of it.
    """

    stored: StoredProvider
    origin: Origin
    fingerprint: str | None
    external: bool | None
    credentials: CredentialView
    seen: Health

    @property
    def provider(self) -> Provider:
        """The configuration, without credentials."""
        return self.stored.provider

    def dump(self) -> dict[str, Any]:
        """The same as one flat mapping, for JSON; of options only what is configured."""
        stored = self.stored
        return {
            **stored.provider.model_dump(exclude={"credentials", *GROUPS}),
            **{group: getattr(stored.provider, group).said() for group in GROUPS},
            "origin": self.origin,
            "version": stored.version,
            "fingerprint": self.fingerprint,
            "external": self.external,
            "credentials": self.credentials,
            "seen": self.seen,
            "problem": stored.problem,
            "updated_at": stored.updated_at,
        }


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
    credentials = shown(settings, stored.sealed, tenant_id=stored.tenant_id, row_id=stored.id)
    if usable is None:
        return ProviderView(stored, Origin.ROW, None, None, credentials, UNSEEN)
    seen = seen.of(stored.edit_id)
    return ProviderView(stored, Origin.ROW, stored.provider.fingerprint, usable.external, credentials, seen)


def _without_row(endpoint: Endpoint, seen: Health) -> ProviderView:
    from_environment = endpoint.name == ENVIRONMENT
    key = os.environ.get("OPENAI_API_KEY", "") if from_environment else ""
    return ProviderView(
        StoredProvider(0, endpoint.tenant_id, endpoint.provider.model_copy(update={"active": True}), 0),
        Origin.ENVIRONMENT if from_environment else Origin.BUILT_IN,
        endpoint.provider.fingerprint,
        endpoint.external,
        CredentialView(bool(key), last_four(key)),
        seen.of(endpoint.edit_id),
    )
