"""Providers, policy and routes of a tenant as a YAML document: read, checked field by field, and written.

A secret is never part of it: `credentials` holds references to environment variables, `${NAME}`, and nothing else does.
"""

import os
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.provider import Provider, explained
from precedent.providers.runtime.routing import Route
from precedent.security.redaction import register_secret
from precedent.tenants.policies import TenantPolicy
from precedent.tenants.preferences import Preference

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# In a flow mapping YAML would take the braces of `{api_key: ${NAME}}` for its own.
BARE_REFERENCE = re.compile(r"(:[ \t]+)(\$\{[A-Za-z_][A-Za-z0-9_]*\})(?=[ \t]*(?:[,}#]|$))", re.MULTILINE)
LONGEST = 1_000_000
DEEPEST = 50


class Declaration(BaseModel):
    """A whole document, or all that a tenant has configured; what a document has no section for is left alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    providers: dict[str, Provider] | None = Field(default=None, description="By name.")
    policy: TenantPolicy | None = Field(default=None, description="Of the tenant, and of its sources by name.")
    routes: dict[Capability, dict[Route, Preference]] | None = Field(
        default=None, description="Which provider a kind of work asks first, by capability and kind of work."
    )

    @field_validator("providers", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """The key of an entry is its provider's name; of a provider that is declared nothing is left as it is."""
        if not isinstance(value, dict):
            return value
        named = {}
        for name, entry in value.items():
            if isinstance(entry, dict) and "name" in entry:
                raise ValueError(f"the name of {name} is its key: leave out `name`")
            named[name] = {"active": False, **entry, "name": name} if isinstance(entry, dict) else entry
        return named


class _Loader(yaml.SafeLoader):
    """Safe YAML without dates (`api_version: 2024-10-21` is a text), aliases, or a key that comes twice.

    A few lines of aliases stand for more values than any memory holds.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise UsageError(f"An alias (*name) is not taken: write the value out in line {self._line()}.")
        if self.depth >= DEEPEST:
            raise UsageError(f"Values are nested deeper than {DEEPEST} levels in line {self._line()}.")
        self.depth += 1
        found: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return found

    def _line(self) -> int:
        line: int = self.peek_event().start_mark.line  # type: ignore[no-untyped-call]  # the stubs leave it open
        return line + 1

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


def _loaded(text: str) -> Any:
    """The value in a YAML text.

    Raises:
        yaml.YAMLError: it is no YAML.
        UsageError: an alias, a key that comes twice, or values that are nested too deeply.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        # Its constructors raise them at values that do not fit their tag, and at numbers of thousands of digits.
        raise yaml.YAMLError from error


def scalar(text: str) -> Any:
    """A value as YAML reads it, where it is a number, a truth value or a text; else the text as it is."""
    try:
        value = _loaded(text)
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
        value = _loaded(quoted)
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
        raise UsageError(f"{where}: {explained(error, Declaration)}") from None
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


def resolved(declared: Declaration, stored: Declaration) -> Declaration:
    """A declaration with the secrets in place of the references to them.

    Where the variables of a provider are not set and secrets of these names are stored, those stay: such a provider has
    no credentials here.

    Args:
        declared: What is wanted.
        stored: What the tenant has now.

    Raises:
        UsageError: an environment variable is missing.
    """
    if declared.providers is None:
        return declared
    have = stored.providers or {}
    found = {
        name: provider.model_copy(update={"credentials": None})
        if unset(provider) == provider.secrets and unset(provider).keys() <= _names(have.get(name))
        else _with_secrets(provider, _from_environment)
        for name, provider in declared.providers.items()
    }
    return declared.model_copy(update={"providers": found})


def unset(provider: Provider) -> dict[str, str]:
    """The references of a declared provider to variables that are not set, by the secret's name."""
    return {secret: reference for secret, reference in provider.secrets.items() if not _value(reference)}


def referring(declared: Declaration) -> Declaration:
    """A declaration with references in place of its secrets."""

    def reference(provider: str, secret: str, _: str) -> str:
        return f"${{{variable(provider, secret)}}}"

    found = {name: _with_secrets(provider, reference) for name, provider in (declared.providers or {}).items()}
    return declared.model_copy(update={"providers": found})


def dump(tenant: str, declaration: Declaration) -> str:
    """The document as YAML, with what is left at its default left out."""
    head = (
        f"# AI providers, policy and routes of the tenant {tenant}, for `precedent provider apply`.\n"
        "# Credentials are references to environment variables; a secret itself is refused here.\n"
        "# Where the variables of a provider are not set, its stored credentials stay.\n"
    )
    value = declaration.model_dump(mode="json", exclude_none=True, exclude_defaults=True, exclude={"providers"})
    if declaration.policy is not None and declaration.policy.monthly_budget_usd is not None:
        value["policy"]["monthly_budget_usd"] = _amount(declaration.policy.monthly_budget_usd)
    if declaration.providers is not None:
        value = {"providers": {name: _entry(found) for name, found in declaration.providers.items()}, **value}
    return head + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


def variable(provider: str, secret: str) -> str:
    """The environment variable that an exported credential refers to."""
    name = re.sub(r"[^A-Z0-9]+", "_", f"{provider}_{secret}".upper()).strip("_")
    return f"PROVIDER_{name}" if name[:1].isdigit() else name


def _with_secrets(provider: Provider, change: Callable[[str, str, str], str]) -> Provider:
    """A provider with other secrets: `change` gets the provider's name, the secret's and its value."""
    if provider.credentials is None:
        return provider
    found = {secret: SecretStr(change(provider.name, secret, value)) for secret, value in provider.secrets.items()}
    return provider.model_copy(update={"credentials": found})


def _names(stored: Provider | None) -> set[str]:
    return set(stored.secrets) if stored is not None else set()


def _value(reference: str) -> str:
    return os.environ.get(reference[2:-1], "").strip()


def _from_environment(provider: str, secret: str, reference: str) -> str:
    value = _value(reference)
    if not value:
        raise UsageError(
            f"providers.{provider}.credentials.{secret} refers to {reference}, and there is no such environment "
            "variable: set it."
        )
    register_secret(value)
    return value


def _entry(provider: Provider) -> dict[str, Any]:
    """A provider as a file declares it: only what was configured."""
    groups = {name: getattr(provider, name).said() for name in ("options", "performance", "cost")}
    plain = provider.model_dump(mode="json", exclude={"name", "credentials", *groups}, exclude_none=True)
    if not provider.active:
        plain.pop("active", None)
    groups["credentials"] = provider.secrets
    return {**plain, **{name: values for name, values in groups.items() if values}}


def _texts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, str(key)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*path, str(number)))
    elif isinstance(value, str):
        yield path, value


def _amount(value: Decimal) -> int | float | str:
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(str(float(value))) == value else str(value)
