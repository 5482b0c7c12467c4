"""The one model of a provider: a file declares it, flags fill it, a row holds it, a driver is given it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from precedent.errors import UsageError
from precedent.plain_text import can_be_stored
from precedent.providers.base import Capability
from precedent.providers.config import defaults
from precedent.providers.config.options import CostOptions, ModelOptions, PerformanceOptions
from precedent.providers.registry import driver_type


def capability_of(driver: str) -> Capability:
    """The capability of a driver that has only one.

    Raises:
        UsageError: the driver has several, or there is no such driver.
    """
    known = driver_type(driver).info.capabilities
    if len(known) > 1:
        both = " or ".join(sorted(item.value for item in known))
        raise UsageError(f"The driver {driver} does both: say which capability is meant, {both}.")
    return next(iter(known))


def default_model(driver: str, capability: Capability) -> str:
    """The model of a provider that names none.

    Raises:
        UsageError: the driver has no default for this capability, or there is no such driver.
    """
    info = driver_type(driver).info
    if capability not in info.capabilities:
        can = ", ".join(sorted(item.value for item in info.capabilities))
        raise UsageError(f"The driver {driver} does {can}, not {capability}: choose another driver.")
    model = info.default_models.get(capability)
    if model is None:
        raise UsageError(f"The driver {driver} has no default model: say --model.")
    return model


class Provider(BaseModel):
    """One configured endpoint of a tenant for one capability.

    Secrets are hidden wherever the model is printed or dumped. In a file they are references to environment variables;
    of a stored provider they are apart, encrypted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(description="The provider's name.")
    driver: str = Field(description="See `precedent provider list --available`.")
    # Left out, these two follow from the driver; the validator below fills them in.
    capability: Capability = Field(
        default=None,
        validate_default=True,
        description="May be left out where the driver has one.",
    )
    model: str = Field(
        default=None,
        validate_default=True,
        min_length=1,
        description="The model; by default the driver's.",
    )
    base_url: str | None = Field(default=None, description="Where to call, if not the driver's own address.")
    active: bool | None = Field(
        default=None, description="Make it the tenant's choice; left out, a stored provider keeps its state."
    )
    fallback: str | None = Field(default=None, description="The provider that is asked where this one fails.")
    description: str | None = Field(default=None, description="For people.")
    options: ModelOptions = Field(default=ModelOptions(), description="name=value; changes answers.")
    performance: PerformanceOptions = Field(
        default=PerformanceOptions(), description="name=value; how the endpoint is called."
    )
    cost: CostOptions = Field(
        default=CostOptions(), description="name=USD per million tokens, e.g. input_per_million=0.15."
    )
    credentials: Mapping[str, SecretStr] | None = Field(
        default=None, description="Secrets by name; left out, stored ones stay, and an empty mapping removes them."
    )

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: object) -> object:
        if not can_be_stored(value):
            raise ValueError("a text holds NUL or half of a surrogate pair, which cannot be stored")
        return value

    @field_validator("capability", "model", mode="before")
    @classmethod
    def _filled(cls, value: object, info: ValidationInfo) -> object:
        if value is not None or "driver" not in info.data:
            return value
        try:
            if info.field_name == "capability":
                return capability_of(info.data["driver"])
            if "capability" in info.data:
                return default_model(info.data["driver"], info.data["capability"])
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value

    @property
    def api_key(self) -> str:
        """The key, or an empty string where none is needed."""
        return self.secrets.get("api_key", "")

    @property
    def secrets(self) -> dict[str, str]:
        """The credentials in plain text; empty where there are none."""
        return {name: value.get_secret_value() for name, value in (self.credentials or {}).items()}

    @property
    def bare_model(self) -> str:
        """The model without the vendor, organisation or folder before it."""
        return _bare(self.model)

    @property
    def common_model(self) -> str:
        """The model by the name that it has everywhere: gateways put the vendor's name before it."""
        return _bare(self.options.same_as or self.model).lower()

    @property
    def dimensions(self) -> int | None:
        """Length of its vectors: configured, or published for the model; None where it is not known."""
        return self.options.dimensions or defaults.DIMENSIONS.get(self.common_model)

    @property
    def fingerprint(self) -> str:
        """Changes when answers could: driver, model, address, options; not with key, price or performance."""
        options = self.options.model_dump(mode="json", exclude={"price_model", "same_as"}, exclude_none=True)
        parts = [self.driver, self.capability.value, self.model, self.base_url, options]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def described(self) -> dict[str, Any]:
        """What is recorded of it with an answer; no credential."""
        return {
            "name": self.name,
            "driver": self.driver,
            "model": self.model,
            "base_url": self.base_url,
            "revision": self.fingerprint,
            "options": self.options.model_dump(mode="json", exclude_defaults=True),
        }


def checked(values: Mapping[str, Any]) -> Provider:
    """A provider of values that a user gave.

    Raises:
        UsageError: the first thing that is wrong; no value is repeated.
    """
    try:
        return Provider.model_validate(values)
    except ValidationError as error:
        raise UsageError(explained(error, Provider)) from None


def explained(error: ValidationError, root: type[BaseModel]) -> str:
    """The first thing that is wrong with a value, with the path of its field; the value itself is not repeated.

    Args:
        error: What validation said.
        root: The model that was to be validated.
    """
    found = error.errors(include_input=False, include_url=False)
    # A misspelt field explains what is missing as well.
    first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
    *place, last = [str(part) for part in first["loc"] if part != "[key]"] or [root.__name__.lower()]
    if first["type"] == "extra_forbidden":
        inside = f" in {'.'.join(place)}" if place else ""
        return f"there is no field {last!r}{inside}: choose from {', '.join(_fields_at(root, place))}."
    message = first["msg"].rstrip(".")
    if first["type"] == "value_error":
        return f"{'.'.join([*place, last])}: {message.removeprefix('Value error, ')}."
    return f"{'.'.join([*place, last])} is wrong: {message}."


def _bare(model: str) -> str:
    return model.rsplit("/", 1)[-1]


def _fields_at(root: type[BaseModel], place: Sequence[str]) -> list[str]:
    kind: Any = root
    for part in place:
        kind = get_args(kind)[1] if get_origin(kind) else _required(kind.model_fields[part].annotation)
    # In a file the key of an entry is the provider's name.
    return [name for name in kind.model_fields if (kind, name) != (Provider, "name")]


def _required(annotation: Any) -> Any:
    """An annotation without `| None`."""
    kinds = [item for item in get_args(annotation) if item is not type(None)]
    return kinds[0] if len(kinds) < len(get_args(annotation)) else annotation
