"""A provider that is ready to be called, and the chain of them that serves a tenant."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import BatchLimits, Capability, DriverInfo, Egress
from precedent.providers.billing.pricing import Tariff
from precedent.providers.config import repository
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.config.validation import ENVIRONMENT, addresses
from precedent.providers.registry import driver_type
from precedent.security.addresses import is_internal_url, is_private_url
from precedent.security.credentials import unsealed
from precedent.security.redaction import register_secret
from precedent.settings import Settings
from precedent.tenants.policies import TenantPolicy

BUILT_IN = {Capability.EMBEDDING: "sentence_transformers", Capability.TEXT_GENERATION: "local"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider of a tenant, with what it takes to call it.

    Attributes:
        provider: The configuration, without credentials.
        driver: What is known of its driver.
        tenant_id: The tenant.
        edit_id: Changes with every edit of the row, a new key included: the breaker goes by it.
        row_id: None where there is no row.
        sealed: The credentials of the row, encrypted.
        precision: Of a local model, where the tenant's vectors settle it and the configuration does not.
    """

    provider: Provider
    driver: DriverInfo
    tenant_id: int
    edit_id: str = "0"
    row_id: int | None = None
    sealed: str | None = field(default=None, repr=False)
    precision: str | None = None

    @property
    def name(self) -> str:
        """The provider's name; `environment` or the driver's name where there is no row."""
        return self.provider.name

    @property
    def external(self) -> bool:
        """True if the endpoint is outside the organisation, so that a call takes texts there."""
        if self.driver.egress is Egress.BY_ADDRESS:
            return not is_internal_url(self.provider.base_url or self.driver.base_url or "")
        return self.driver.egress is Egress.ALWAYS

    def forbidden_by(self, policy: TenantPolicy, source: str | None) -> str | None:
        """Why a policy forbids a call now, None if it does not; names are resolved anew each time.

        Args:
            policy: The tenant's policy.
            source: The source whose texts would be sent.
        """
        if self.external and not policy.allows_external(source):
            whose = f"the source {source}" if policy.allow_external else "this tenant"
            return f"The policy of {whose} forbids external providers, and {self.name} is one."
        if not policy.allow_private_addresses and any(map(is_private_url, addresses(self.provider, self.driver))):
            return f"The policy of this tenant forbids private addresses, and {self.name} is called at one."
        return None

    @property
    def tariff(self) -> Tariff:
        """How its calls are priced."""
        provider, price_id = self.provider, self.driver.price_id
        # At another address the list prices of the vendor do not hold.
        if provider.base_url and self.driver.base_url and provider.base_url.rstrip("/") != self.driver.base_url:
            price_id = price_id if provider.options.price_model else None
        model = provider.options.price_model or provider.common_model
        return Tariff(model, price_id, self.driver.free, provider.cost)

    @property
    def batch_limits(self) -> BatchLimits:
        """Of one embedding request: those configured, at most the driver's."""
        known, own = self.driver.limits, self.provider.performance
        return BatchLimits(
            min(known.inputs, own.batch_inputs or known.inputs),
            min(known.tokens, own.batch_tokens or known.tokens),
            known.tokens_each,
        )

    def credentials(self, settings: Settings) -> Mapping[str, str]:
        """Its secrets, decrypted now.

        Raises:
            SecretError: the key that encrypted them is missing.
        """
        if self.row_id is not None:
            return unsealed(settings, self.sealed, tenant_id=self.tenant_id, row_id=self.row_id)
        if self.name != ENVIRONMENT:
            return {}
        key = os.environ.get("OPENAI_API_KEY", "")
        register_secret(key)
        return {"api_key": key}


def endpoint_of(stored: StoredProvider) -> Endpoint:
    """A stored provider, ready to be called.

    Raises:
        UsageError: its driver is not installed, or its options do not fit any more.
    """
    if stored.problem is not None:
        raise UsageError(stored.problem)
    driver = driver_type(stored.provider.driver).info
    return Endpoint(stored.provider, driver, stored.tenant_id, stored.edit_id, stored.id, stored.sealed)


def chain(database: Database, tenant_id: int, capability: Capability) -> Sequence[Endpoint]:
    """The tenant's active provider and its fallbacks in order; `OPENAI_*` or the built-in where none is active.

    Raises:
        UsageError: one of them cannot be used as it is configured.
    """
    rows = {
        stored.provider.name: stored
        for stored in repository.list(database, tenant_id)
        if stored.provider.capability is capability
    }
    found: list[StoredProvider] = []
    current = next((stored for stored in rows.values() if stored.provider.active), None)
    while current is not None and current not in found:
        found.append(current)
        current = rows.get(current.provider.fallback or "")
    return [endpoint_of(stored) for stored in found] or [_without_row(tenant_id, capability)]


def built_in(tenant_id: int, capability: Capability) -> Endpoint:
    """The provider that is always there: the packaged model, or the rule pack."""
    name = BUILT_IN[capability]
    return Endpoint(Provider(name=name, driver=name, capability=capability), driver_type(name).info, tenant_id)


def _without_row(tenant_id: int, capability: Capability) -> Endpoint:
    # An embedding model decides what every stored vector means: a stray OPENAI_API_KEY must not change it.
    variable = "OPENAI_MODEL" if capability is Capability.TEXT_GENERATION else "OPENAI_EMBEDDING_MODEL"
    model, key = os.environ.get(variable), os.environ.get("OPENAI_API_KEY")
    if not key or not (model or capability is Capability.TEXT_GENERATION):
        return built_in(tenant_id, capability)
    driver = driver_type("openai").info
    provider = Provider(
        name=ENVIRONMENT,
        driver=driver.name,
        capability=capability,
        model=model or driver.default_models[capability],
        base_url=os.environ.get("OPENAI_BASE_URL") or None,
    )
    return Endpoint(provider, driver, tenant_id, edit_id=hashlib.sha256(key.encode()).hexdigest()[:12])
