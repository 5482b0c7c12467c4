"""A configured endpoint, ready to be called: what a row of `integrations` means at run time."""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from precedent.database.models import IntelligenceProvider
from precedent.database.session import Database
from precedent.providers.base import BatchLimits, Capability, Driver, DriverInfo, DriverSettings, Egress
from precedent.providers.billing.pricing import Tariff
from precedent.providers.config import defaults
from precedent.providers.config.options import ModelOptions, PerformanceOptions, model_options, performance_options
from precedent.providers.registry import driver_type, is_ours
from precedent.providers.runtime.ledger import Limits
from precedent.security.credentials import unsealed
from precedent.security.redaction import register_secret
from precedent.settings import Settings
from precedent.tenants.policies import is_private

ENVIRONMENT = "environment"
BUILT_IN = {Capability.EMBEDDING: "sentence_transformers", Capability.TEXT_GENERATION: "local"}


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint of a tenant.

    Attributes:
        name: The row's name; `environment` or the driver's name where there is no row.
        driver: What is known of its driver.
        capability: What it is asked for.
        model: The model.
        base_url: Its address, or None for the driver's own.
        options: Checked `model_config`.
        performance: Checked `performance_config`.
        cost: `cost_config`.
        edit: Changes with every edit of the row, a rotated key among them: what the breaker goes by.
        row_id: None where there is no row.
        fallback_id: The row to go on with.
        is_active: Whether the tenant has chosen it.
        precision: Of a local model, where the tenant's vectors settle it and the row does not.
    """

    name: str
    driver: DriverInfo
    tenant_id: int
    capability: Capability
    model: str
    base_url: str | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    performance: PerformanceOptions = field(default_factory=PerformanceOptions)
    cost: Mapping[str, Any] = field(default_factory=dict)
    edit: str = "0"
    row_id: int | None = None
    fallback_id: int | None = None
    is_active: bool = True
    stored: str | None = field(default=None, repr=False)
    precision: str | None = None

    @property
    def bare_model(self) -> str:
        """The model without the vendor, organisation or folder before it."""
        return _bare(self.model)

    @property
    def common_model(self) -> str:
        """The model by the name it has everywhere: gateways prefix it with the vendor's."""
        return _bare(self.options.same_as or self.model).lower()

    @property
    def dimensions(self) -> int | None:
        """Of its vectors: configured, or published for the model."""
        return self.options.dimensions or defaults.DIMENSIONS.get(self.common_model)

    @property
    def revision(self) -> str:
        """Changes when answers could: provider, model, address, options; not with key, price or performance."""
        parts = [
            self.driver.name, self.capability.value, self.model, self.base_url,
            self.options.model_dump(mode="json", exclude={"price_model", "same_as"}, exclude_none=True),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def external(self) -> bool:
        """Whether texts leave for somebody else."""
        if self.driver.egress is Egress.BY_ADDRESS:
            host = (self.base_url or self.driver.base_url or "").split("//")[-1].split("/")[0].rsplit(":", 1)[0]
            return not is_private(host.strip("[]"))
        return self.driver.egress is Egress.ALWAYS

    @property
    def tariff(self) -> Tariff:
        """How its calls are priced."""
        price_id = self.driver.price_id
        # At another address the list prices of the vendor do not hold.
        if self.base_url and self.driver.base_url and self.base_url.rstrip("/") != self.driver.base_url:
            price_id = price_id if self.options.price_model else None
        return Tariff(self.options.price_model or self.common_model, price_id, self.driver.free, self.cost)

    @property
    def limits(self) -> Limits:
        """How the gate treats it."""
        performance = self.performance
        longest = performance.max_attempts * (performance.timeout_s + 60) + performance.longest_wait_s
        return Limits(
            performance.requests_per_minute, performance.tokens_per_minute, performance.opens_after,
            performance.cooldown_s, performance.longest_wait_s, performance.reservation_s or longest,
        )  # fmt: skip

    @property
    def batch_limits(self) -> BatchLimits:
        """Of one embedding request: the row's, at most the driver's."""
        known, own = self.driver.limits, self.performance
        return BatchLimits(
            min(known.inputs, own.batch_inputs or known.inputs), min(known.tokens, own.batch_tokens or known.tokens),
            known.tokens_each,
        )  # fmt: skip

    def described(self) -> dict[str, Any]:
        """What is recorded of it with an answer; no credential."""
        return {
            "name": self.name, "driver": self.driver.name, "model": self.model, "base_url": self.base_url,
            "revision": self.revision, "options": self.options.model_dump(mode="json", exclude_defaults=True),
        }  # fmt: skip

    def credentials(self, settings: Settings) -> Mapping[str, str]:
        """Its secrets, decrypted now.

        Raises:
            SecretError: the key that encrypted them is missing.
        """
        if self.name == ENVIRONMENT and self.row_id is None:
            key = os.environ.get("OPENAI_API_KEY", "")
            register_secret(key)
            return {"api_key": key}
        if self.row_id is None:
            return {}
        return unsealed(settings, self.stored, tenant_id=self.tenant_id, row_id=self.row_id)


def _bare(model: str) -> str:
    return model.rsplit("/", 1)[-1]


_drivers: dict[tuple[int, str, str, str, str | None], Driver] = {}
_lock = threading.Lock()


def open_driver(target: Target, settings: Settings) -> Driver:
    """The driver of an endpoint, shared by the process; made anew when the row was edited.

    Raises:
        UsageError: its SDK is not installed.
        SecretError: its credentials cannot be read.
    """
    key = (target.tenant_id, target.name, target.edit, target.revision, target.precision)
    with _lock:
        driver = _drivers.get(key)
        if driver is None:
            kind = driver_type(target.driver.name)
            options = target.options.model_dump(exclude_none=True)
            if target.precision:
                options["precision"] = target.precision
            driver = kind(
                DriverSettings(
                    name=target.name,
                    capability=target.capability,
                    model=target.model,
                    base_url=target.base_url,
                    credentials=dict(target.credentials(settings)),
                    dimensions=target.dimensions,
                    timeout_s=target.performance.timeout_s,
                    options=options,
                )
            )
            for stale in [known for known in _drivers if known[:2] == key[:2] and known[2:4] != key[2:4]]:
                _drivers.pop(stale)  # its last caller lets go of it
            _drivers[key] = driver
        return driver


def target_of(row: IntelligenceProvider) -> Target:
    """A row as a target.

    Raises:
        UsageError: its driver is unknown or its options do not fit any more.
    """
    kind = driver_type(row.provider)
    return Target(
        name=row.name, driver=kind.info, tenant_id=row.tenant_id, capability=Capability(row.capability or ""),
        model=row.model or "", base_url=row.base_url,
        options=model_options(dict(row.model_config), ours=is_ours(row.provider)),
        performance=performance_options(dict(row.performance_config)), cost=dict(row.cost_config),
        edit=f"{row.id}.{row.revision}", row_id=row.id, fallback_id=row.fallback_id, is_active=row.is_active,
        stored=row.credentials,
    )  # fmt: skip


def row_named(database: Database, tenant_id: int, name: str) -> Target | None:
    """A tenant's provider by name, active or not."""
    with database.tenant(tenant_id) as session:
        row = session.scalar(select(IntelligenceProvider).where(IntelligenceProvider.name == name))
        return target_of(row) if row else None


def chain(database: Database, tenant_id: int, capability: Capability) -> list[Target]:
    """The tenant's active provider and its fallbacks in order; `OPENAI_*` or the built-in where there is no row."""
    with database.tenant(tenant_id) as session:
        rows = {
            row.id: row
            for row in session.scalars(
                select(IntelligenceProvider).where(IntelligenceProvider.capability == capability.value)
            )
        }
        active = next((row for row in rows.values() if row.is_active), None)
        found: list[Target] = []
        while active is not None and all(active.id != known.row_id for known in found):
            found.append(target_of(active))
            active = rows.get(active.fallback_id) if active.fallback_id else None
    return found or [_without_row(tenant_id, capability)]


def built_in(tenant_id: int, capability: Capability) -> Target:
    """The provider that is always there: the packaged model, or the rule pack."""
    kind = driver_type(BUILT_IN[capability])
    return Target(
        name=kind.info.name, driver=kind.info, tenant_id=tenant_id, capability=capability,
        model=kind.info.default_models[capability],
    )  # fmt: skip


def _without_row(tenant_id: int, capability: Capability) -> Target:
    # An embedding model decides what every stored vector means: a stray OPENAI_API_KEY must not change it.
    variable = "OPENAI_MODEL" if capability is Capability.TEXT_GENERATION else "OPENAI_EMBEDDING_MODEL"
    model = os.environ.get(variable)
    wanted = bool(os.environ.get("OPENAI_API_KEY")) and (model or capability is Capability.TEXT_GENERATION)
    if not wanted:
        return built_in(tenant_id, capability)
    info = driver_type("openai").info
    return Target(
        name=ENVIRONMENT, driver=info, tenant_id=tenant_id, capability=capability,
        model=model or info.default_models[capability], base_url=os.environ.get("OPENAI_BASE_URL") or None,
        edit=hashlib.sha256(os.environ["OPENAI_API_KEY"].encode()).hexdigest()[:12],
    )  # fmt: skip
