"""Options of `precedent source add`, which follow from the fields of a kind's configuration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from precedent.errors import UsageError
from precedent.folders import expanded


class Place(StrEnum):
    """Marks a field that WHERE fills: `Annotated[str, Place.URL]`."""

    PATH = "path"
    URL = "url"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Option:
    """Names the option of a field, where it is not the field's own name: `Annotated[dict[str, str], Option("map")]`."""

    name: str


class OptionForm(StrEnum):
    """What an option takes: nothing, one value, several values, or several NAME=VALUE."""

    FLAG = "flag"
    VALUE = "value"
    VALUES = "values"
    PAIRS = "pairs"


@dataclass(frozen=True, slots=True)
class SourceOption:
    """An option of a kind: `path` is where its value stands in the configuration."""

    name: str
    form: OptionForm
    help: str
    path: tuple[str, ...]


# Options that the command itself has.
RESERVED = frozenset({"help", "json", "key-file", "key-stdin", "kind", "no-test", "path", "tenant"})


def check_fields(model: type[BaseModel]) -> None:
    """Check that a configuration can be asked for on the command line.

    Raises:
        TypeError: a field has no description, none is marked with `Place`, or an option is called as one of the
            command's own.
    """
    for name, field in model.model_fields.items():
        if not field.description:
            raise TypeError(f"the field {name} of {model.__name__} has no description")
    if not _places(model):
        raise TypeError(f"{model.__name__} marks no field with Place")
    taken = sorted(RESERVED & {option.name for option in options_of(model)})
    if taken:
        raise TypeError(f"--{taken[0]} is an option of the command itself: name the field's option with Option")


def options_of(model: type[BaseModel]) -> tuple[SourceOption, ...]:
    """The options of a configuration, in the order of its fields; a model within it adds the fields of its own."""
    return tuple(_options(model, ()))


def place_help(model: type[BaseModel]) -> str:
    """What WHERE is, in words."""
    return " Or: ".join(field.description or "" for field, _ in _places(model).values())


def configuration_values(
    model: type[BaseModel], where: str, given: Mapping[str, str | Sequence[str] | bool]
) -> dict[str, Any]:
    """The values of a configuration from the words of a command; `model` checks them.

    Args:
        model: The configuration.
        where: The place. A folder or file is made absolute.
        given: What was given of each option, by its name.

    Raises:
        UsageError: a pair has no `=`.
    """
    values: dict[str, Any] = {}
    for option in options_of(model):
        if option.name in given:
            holder = values
            for name in option.path[:-1]:
                holder = holder.setdefault(name, {})
            value: Any = given[option.name]
            if option.form is OptionForm.PAIRS:
                value = dict(_pair(option.name, word) for word in value)
            holder[option.path[-1]] = value
    return values | _placed(model, where)


def _options(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[SourceOption]:
    for name, field in model.model_fields.items():
        if name in _places(model):
            continue
        kind = _plain_type(field)
        path = (*above, name)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _options(kind, path)
            continue
        named = next((mark.name for mark in field.metadata if isinstance(mark, Option)), name.replace("_", "-"))
        yield SourceOption(named, _form(kind), field.description or "", path)


def _plain_type(field: FieldInfo) -> Any:
    """The type of a field without None."""
    if get_origin(field.annotation) in {Union, UnionType}:
        return next(part for part in get_args(field.annotation) if part is not NoneType)
    return field.annotation


def _form(kind: Any) -> OptionForm:
    origin = get_origin(kind) or kind
    if origin is bool:
        return OptionForm.FLAG
    if origin in {tuple, list}:
        return OptionForm.VALUES
    return OptionForm.PAIRS if origin is dict else OptionForm.VALUE


def _pair(option: str, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not value.strip():
        raise UsageError(f"--{option} {word!r} does not say which field is meant: write --{option} NAME=VALUE.")
    return name.strip(), value.strip()


def _places(model: type[BaseModel]) -> dict[str, tuple[FieldInfo, Place]]:
    return {
        name: (field, mark)
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, Place)
    }


def _placed(model: type[BaseModel], where: str) -> dict[str, str]:
    """The place under the field that it belongs to; of a path and a URL the one that it looks like."""
    fields = {place: name for name, (_, place) in _places(model).items()}
    url = fields.get(Place.URL)
    if url is not None and (len(fields) == 1 or _is_url(where)):
        return {url: where.rstrip("/")}
    if Place.PATH in fields:
        return {fields[Place.PATH]: str(expanded(where, "The place").resolve())}
    return {fields[Place.NAME]: where.rstrip("/")}


def _is_url(where: str) -> bool:
    # `git@host:path` is how people write addresses of ssh.
    return len(urlsplit(where).scheme) > 1 or ("@" in where.partition(":")[0] and ":" in where)
