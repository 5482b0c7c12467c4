"""What is wrong with a provider that somebody wants to save, said before anything is written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from precedent.database.models import IntelligenceProvider, Policy
from precedent.errors import UsageError
from precedent.providers.base import Capability, DriverInfo
from precedent.providers.billing.pricing import checked_cost_config
from precedent.providers.config.options import ModelOptions, model_options, performance_options
from precedent.providers.registry import driver_type, is_ours
from precedent.providers.runtime.endpoint import ENVIRONMENT, Target
from precedent.tenants.policies import check_address

# A driver from elsewhere may take options of any name; what is stored there is not encrypted.
SECRET_NAME = re.compile(r"(?:^|[_\-])(?:api_?key|key|secret|password|token|credentials?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Specification:
    """What a user says of a provider.

    Attributes:
        name: The row's name.
        driver: Its driver.
        capability: `embedding` or `text_generation`.
        model: None for the driver's default.
        base_url: None for the driver's own address.
        options: `model_config`.
        performance: `performance_config`.
        cost: `cost_config`.
        fallback: The name of the row to go on with.
        description: For people.
        active: Whether it becomes the tenant's choice; None leaves that as it is.
        secrets: None leaves those that are stored; an empty mapping removes them.
    """

    name: str
    driver: str
    capability: str
    model: str | None = None
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    performance: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    fallback: str | None = None
    description: str | None = None
    active: bool | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)


def check(session: Session, spec: Specification, row: IntelligenceProvider | None) -> DriverInfo:
    """The driver's description, if the specification fits it and the tenant's policy.

    Args:
        session: A transaction of the tenant.
        spec: What is wanted.
        row: The row of this name, where there is one.

    Raises:
        UsageError: the first thing that is wrong.
    """
    info = driver_type(spec.driver).info
    if spec.name == ENVIRONMENT:
        raise UsageError(f"{ENVIRONMENT} is what OPENAI_API_KEY without a row is called: choose another name.")
    if spec.capability not in [item.value for item in Capability]:
        raise UsageError(f"There is no capability {spec.capability!r}: choose embedding or text_generation.")
    capability = Capability(spec.capability)
    if capability not in info.capabilities:
        can = ", ".join(sorted(item.value for item in info.capabilities))
        raise UsageError(f"The driver {spec.driver} does {can}, not {spec.capability}: choose another driver.")
    if row is not None and row.capability != spec.capability:
        raise UsageError(f"{spec.name} is for {row.capability}: a row keeps its capability, add another one.")
    if not (spec.model or info.default_models.get(capability)):
        raise UsageError(f"The driver {spec.driver} has no default model: say --model.")
    if info.needs_base_url and not spec.base_url:
        raise UsageError(f"The driver {spec.driver} needs an address: say --base-url.")
    stored = spec.secrets is None and row is not None and bool(row.credentials)
    if info.needs_key and not (stored or (spec.secrets or {}).get("api_key")):
        raise UsageError(
            f"The driver {spec.driver} needs a key: give it at the prompt, with --key-file or --key-stdin."
        )
    _check_options(session, spec, info)
    return info


def _check_options(session: Session, spec: Specification, info: DriverInfo) -> None:
    for name in spec.options:
        if SECRET_NAME.search(name):
            raise UsageError(f"The option {name!r} sounds like a secret: give it with --key-file, which is encrypted.")
    options = model_options(dict(spec.options), ours=is_ours(spec.driver))
    performance_options(dict(spec.performance))
    checked_cost_config(spec.cost)
    own = session.scalar(select(Policy).where(Policy.source_id.is_(None)))
    private = own.allow_private_addresses if own else True
    for address in addresses(spec.base_url, info, options):
        check_address(address, allow_private=private)


def addresses(base_url: str | None, info: DriverInfo, options: ModelOptions) -> list[str]:
    """Where a provider is called; a driver's own address counts as well, Ollama's is this machine."""
    return [address for address in (base_url or info.base_url, options.token_url) if address]


def check_same_space(target: Target, other: Target) -> None:
    """Refuse a fallback whose vectors could not be compared with the other's.

    Raises:
        UsageError: another model, or other dimensions.
    """
    if target.common_model != other.common_model:
        raise UsageError(
            f"{other.name} serves {other.model}, {target.name} {target.model}: vectors of two models cannot be "
            "compared, so embeddings fall back only to the same model (--option same_as=... where it has another "
            "name there)."
        )
    if target.dimensions and other.dimensions and target.dimensions != other.dimensions:
        raise UsageError(
            f"{other.name} gives {other.dimensions} dimensions, {target.name} {target.dimensions}: embeddings fall "
            "back only to the same dimensions."
        )


def explained(error: IntegrityError, names: str) -> UsageError:
    """What the database refused, as a sentence; `names` are the rows that were written."""
    text = str(error.orig)
    if "fallback_cycle" in text:
        return UsageError(
            f"The fallbacks of {names} lead back, perhaps through others, to where they start: a chain must end."
        )
    if "uq_integrations_active" in text:
        return UsageError("Another provider was activated at the same time: try again.")
    return UsageError(f"{names} was not saved: its name or fallback was taken or removed at the same time, try again.")
