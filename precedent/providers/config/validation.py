"""What is wrong with a provider that is to be saved, said before anything is written."""

import re
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from precedent.errors import UsageError
from precedent.http.addresses import origin
from precedent.providers.base import DriverInfo
from precedent.providers.config.options import ModelOptions
from precedent.providers.config.provider import Provider
from precedent.providers.registry import driver_type, is_ours
from precedent.security.addresses import check_address

# What serves a tenant by OPENAI_* variables, without a row, is shown under this name.
ENVIRONMENT = "environment"
# A driver from another distribution may take options of any name; what is stored there is not encrypted.
SECRET_NAME = re.compile(r"(?:^|[_\-])(?:api_?key|key|secret|password|token|credentials?)$", re.IGNORECASE)


def check(provider: Provider, *, keeps_key_of: Provider | None, allow_private: bool) -> None:
    """Check that a provider fits its driver and the tenant's policy.

    Args:
        provider: What is to be saved.
        keeps_key_of: What it replaces, if that has credentials which stay.
        allow_private: Whether the tenant's policy allows private addresses.

    Raises:
        UsageError: the first thing that is wrong.
    """
    info = driver_type(provider.driver).info
    if provider.name == ENVIRONMENT:
        raise UsageError(f"{ENVIRONMENT} is what OPENAI_API_KEY without a row is called: choose another name.")
    if provider.capability not in info.capabilities:
        can = ", ".join(sorted(item.value for item in info.capabilities))
        raise UsageError(f"The driver {info.name} does {can}, not {provider.capability}: choose another driver.")
    if info.needs_base_url and not provider.base_url:
        raise UsageError(f"The driver {info.name} needs an address: say --base-url.")
    if info.needs_key and not (keeps_key_of or provider.api_key):
        raise UsageError(f"The driver {info.name} needs a key: give it at the prompt, with --key-file or --key-stdin.")
    for name in provider.options.model_fields_set:
        if SECRET_NAME.search(name):
            raise UsageError(f"The option {name!r} sounds like a secret: give it with --key-file, which is encrypted.")
    if keeps_key_of is not None and not same_origins(provider, keeps_key_of):
        raise UsageError(
            f"{provider.name} moves to another server: give its key again, the stored one is not sent there."
        )
    check_options(provider)
    for address in addresses(provider, info):
        check_address(address, allow_private=allow_private)


def check_options(provider: Provider) -> None:
    """Refuse a misspelt option of one of Precedent's own drivers; others may have options of any name.

    Raises:
        UsageError: with the names that there are.
    """
    unknown = sorted(provider.options.model_extra or ())
    if unknown and is_ours(provider.driver):
        known = ", ".join(sorted(ModelOptions.model_fields))
        raise UsageError(f"There is no model option {unknown[0]!r}: choose from {known}.")


def addresses(provider: Provider, info: DriverInfo) -> Sequence[str]:
    """Where a provider is called; a driver's own address counts as well, Ollama's is this machine."""
    return [address for address in (provider.base_url or info.base_url, provider.options.token_url) if address]


def same_origins(provider: Provider, other: Provider) -> bool:
    """True if two providers are called at the same servers, so that one may use the key of the other."""
    try:
        return _origins(provider) == _origins(other)
    except UsageError:  # the driver of one is not installed any more: where it was called is not known
        return False


def _origins(provider: Provider) -> set[tuple[str, str, int]]:
    return {origin(address) for address in addresses(provider, driver_type(provider.driver).info)}


def same_space(provider: Provider, other: Provider) -> bool:
    """True if two endpoints make vectors that may be compared: the same model, the same dimensions."""
    return provider.common_model == other.common_model and provider.dimensions == other.dimensions


def check_same_space(provider: Provider, fallback: Provider) -> None:
    """Refuse a fallback whose vectors could not be compared with the provider's.

    Raises:
        UsageError: it serves another model, or other dimensions.
    """
    one, other = provider.name, fallback.name
    if provider.common_model != fallback.common_model:
        raise UsageError(
            f"{other} serves {fallback.model}, {one} {provider.model}: vectors of two models cannot be compared, so "
            "embeddings fall back only to the same model (--option same_as=... where it has another name there)."
        )
    if provider.dimensions and fallback.dimensions and provider.dimensions != fallback.dimensions:
        raise UsageError(
            f"{other} gives {fallback.dimensions} dimensions, {one} {provider.dimensions}: embeddings fall back only "
            "to the same dimensions."
        )


def refusal(error: IntegrityError, names: str) -> UsageError:
    """What the database refused, as a sentence; `names` are the providers that were written."""
    text = str(error.orig)
    if "fallback_cycle" in text:
        return UsageError(
            f"The fallbacks of {names} lead back, perhaps through others, to where they start: a chain must end."
        )
    if "uq_integrations_active" in text:
        return UsageError("Another provider was activated at the same time: try again.")
    return UsageError(f"{names} was not saved: its name or fallback was taken or removed at the same time, try again.")
