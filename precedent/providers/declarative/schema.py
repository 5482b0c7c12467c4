"""Providers, policy and routes of a tenant as a YAML document: read, checked field by field, and written.

A secret is never part of it: `credentials` holds references to environment variables, `${NAME}`, and nothing else does.
"""

import os
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.validation import Specification
from precedent.providers.registry import driver_type
from precedent.providers.runtime.routing import Route
from precedent.security.redaction import register_secret

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# In a flow mapping YAML would take the braces of `{api_key: ${NAME}}` for its own.
BARE_REFERENCE = re.compile(r"(:[ \t]+)(\$\{[A-Za-z_][A-Za-z0-9_]*\})(?=[ \t]*(?:[,}#]|$))", re.MULTILINE)
LONGEST = 1_000_000


class Entry(BaseModel):
    """Base of all entries: a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ProviderEntry(Entry):
    """One provider; a field that is left out has its default, `credentials` left out stay as they are stored."""

    driver: str
    capability: Capability | None = None
    model: str | None = None
    base_url: str | None = None
    active: bool = False
    fallback: str | None = None
    description: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    performance: dict[str, Any] = Field(default_factory=dict)
    cost: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, str] | None = None


class SourceEntry(Entry):
    """The policy of one source."""

    allow_external: bool = True
    mask: bool = False


class PolicyEntry(Entry):
    """The tenant's policy, and those of its sources by name."""

    allow_external: bool = True
    mask: bool = False
    allow_private_addresses: bool = True
    monthly_budget_usd: Decimal | None = Field(default=None, ge=0)
    on_exhausted: str = Field(default="stop", pattern="^(stop|free)$")
    allow_unpriced: bool = False
    sources: dict[str, SourceEntry] = Field(default_factory=dict)


class RouteEntry(Entry):
    """Which provider a kind of work asks first."""

    strategy: str = Field(pattern="^(active|prefer|auto)$")
    prefer: tuple[str, ...] = ()


class Declaration(Entry):
    """A whole document; what it does not have a section for is left alone."""

    providers: dict[str, ProviderEntry] | None = None
    policy: PolicyEntry | None = None
    routes: dict[Capability, dict[Route, RouteEntry]] | None = None


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates (`api_version: 2024-10-21` is a text) and without a key that comes twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in found:
                raise UsageError(f"{key.value!r} is there twice, again in line {key.start_mark.line + 1}.")
            found.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def scalar(text: str) -> Any:
    """A value as YAML reads it, where it is a number, a truth value or a text; else the text as it is."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, UsageError):
        return text
    return value if isinstance(value, str | int | float) else text


def parse(text: str, where: str) -> Declaration:
    """The declaration in a YAML text.

    Raises:
        UsageError: it is no YAML, a field is unknown or wrong, a secret stands in it; no value is repeated.
    """
    if len(text) > LONGEST:
        raise UsageError(f"{where} is too long for a file of providers.")
    try:
        quoted = BARE_REFERENCE.sub(r'\1"\2"', text)
        value = yaml.load(quoted, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise UsageError(
            f"{where} is no YAML{line}: {getattr(error, 'problem', None) or 'it cannot be read'}."
        ) from None
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{where} must be a mapping with providers, policy or routes.")
    try:
        found = Declaration.model_validate(value)
    except ValidationError as error:
        raise UsageError(f"{where}: {_explained(error)}") from None
    for path, name in _texts(value):
        if path[0] == "providers" and len(path) == 4 and path[2] == "credentials":
            if not REFERENCE.fullmatch(name):
                raise UsageError(
                    f"{where}: {'.'.join(path)} must be a reference such as ${{{variable(path[1], path[3])}}}: a "
                    "secret itself does not belong into the file."
                )
        elif REFERENCE.search(name):
            raise UsageError(f"{where}: {'.'.join(path)} holds a reference, and those are for credentials only.")
    return found


def specification(name: str, entry: ProviderEntry) -> Specification:
    """What is to be saved, with the references of its credentials resolved.

    Raises:
        UsageError: the driver is unknown, the capability is missing, or an environment variable is.
    """
    return Specification(
        name=name, driver=entry.driver, capability=capability_of(entry.driver, entry.capability).value,
        model=entry.model, base_url=entry.base_url, options=entry.options, performance=entry.performance,
        cost=entry.cost, fallback=entry.fallback, description=entry.description, active=entry.active,
        secrets=_resolved(name, entry.credentials),
    )  # fmt: skip


def capability_of(driver: str, said: Capability | None) -> Capability:
    """The capability that was said, or the only one that the driver has.

    Raises:
        UsageError: none was said and the driver has several.
    """
    if said is not None:
        return said
    known = driver_type(driver).info.capabilities
    if len(known) > 1:
        both = " or ".join(sorted(item.value for item in known))
        raise UsageError(f"The driver {driver} does both: say which capability is meant, {both}.")
    return next(iter(known))


def dump(tenant: str, declaration: Declaration) -> str:
    """The document as YAML, with what is left at its default left out."""
    head = (
        f"# AI providers, policy and routes of the tenant {tenant}, for `precedent provider apply`.\n"
        "# Credentials are references to environment variables; a secret itself is refused here.\n"
    )
    value = declaration.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if declaration.policy is not None and declaration.policy.monthly_budget_usd is not None:
        value["policy"]["monthly_budget_usd"] = _amount(declaration.policy.monthly_budget_usd)
    return head + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def variable(provider: str, secret: str) -> str:
    """The environment variable that an exported credential refers to."""
    name = re.sub(r"[^A-Z0-9]+", "_", f"{provider}_{secret}".upper()).strip("_")
    return f"PROVIDER_{name}" if name[:1].isdigit() else name


def _resolved(name: str, credentials: Mapping[str, str] | None) -> dict[str, str] | None:
    if credentials is None:
        return None
    found = {}
    for secret, reference in credentials.items():
        wanted = reference[2:-1]
        value = os.environ.get(wanted, "").strip()
        if not value:
            raise UsageError(
                f"providers.{name}.credentials.{secret} refers to ${{{wanted}}}, and there is no such environment "
                "variable: set it."
            )
        register_secret(value)
        found[secret] = value
    return found


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, str(number)))
    elif isinstance(value, str):
        yield path, value


def _explained(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    *place, last = [str(part) for part in first["loc"] if part != "[key]"]
    inside = f" in {'.'.join(place)}" if place else ""
    if first["type"] == "extra_forbidden":
        return f"there is no field {last!r}{inside}: choose from {', '.join(_fields(place))}."
    return f"{'.'.join([*place, last])} is wrong: {first['msg']}."


def _fields(place: list[str]) -> list[str]:
    kinds: dict[tuple[str, int], type[Entry]] = {
        ("providers", 2): ProviderEntry, ("policy", 1): PolicyEntry, ("policy", 3): SourceEntry,
        ("routes", 3): RouteEntry,
    }  # fmt: skip
    kind = kinds.get((place[0], len(place)), Declaration) if place else Declaration
    return list(kind.model_fields)


def _amount(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(str(float(value))) == value else str(value)
