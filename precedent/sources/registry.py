"""Which kinds of source there are: entry points of the group `precedent.sources`, of this distribution and others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from precedent.errors import UsageError
from precedent.sources.kind import Payload, Shape, SourceConfiguration, SourceKind
from precedent.sources.options import SourceOption, options_of
from precedent.sources.records import RawRecord
from precedent.sources.shapes.fields import UnreadableError
from precedent.text.extract.model import Document

GROUP = "precedent.sources"
OURS = "precedent"


@dataclass(frozen=True, slots=True)
class ListedKind:
    """A kind, or why it cannot be used."""

    name: str
    title: str
    available: bool
    reason: str | None
    distribution: str
    key: str = ""
    options: tuple[SourceOption, ...] = ()


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the entry points gave: usable kinds and all shapes by name, and the others with their reasons."""

    kinds: dict[str, SourceKind[Any]]
    distributions: dict[str, str]
    shapes: dict[str, Shape]
    unavailable: list[ListedKind]


def kinds() -> Mapping[str, SourceKind[Any]]:
    """The usable kinds by name, ours first."""
    return _load().kinds


def list_kinds() -> list[ListedKind]:
    """Every kind, the usable ones first."""
    loaded = _load()
    usable = [
        ListedKind(
            name=kind.name,
            title=kind.title,
            available=True,
            reason=None,
            distribution=loaded.distributions[kind.name],
            key=kind.key,
            options=options_of(kind.configuration),
        )
        for kind in loaded.kinds.values()
    ]
    return usable + loaded.unavailable


def get(name: str) -> SourceKind[Any]:
    """The kind of this name.

    Raises:
        UsageError: there is none, or it cannot be used; the message says why.
    """
    loaded = _load()
    if name in loaded.kinds:
        return loaded.kinds[name]
    for broken in loaded.unavailable:
        if broken.name == name:
            raise UsageError(f"The source kind {name!r} of {broken.distribution} cannot be used: {broken.reason}.")
    raise UsageError(f"There is no source kind {name!r}: choose from {', '.join(loaded.kinds)}.")


def configuration_of(kind: str, values: Mapping[str, Any]) -> SourceConfiguration:
    """The checked configuration of a source.

    Raises:
        UsageError: an unknown kind, or values that do not fit it.
    """
    model: type[SourceConfiguration] = get(kind).configuration
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = tuple(map(str, first["loc"]))
        named = {option.path: f"--{option.name}" for option in options_of(model)}
        where = next((named[place[:end]] for end in (2, 1) if place[:end] in named), ".".join(place))
        said = str(first["msg"]).removeprefix("Value error, ").removesuffix(".")
        raise UsageError(f"This is not a source of kind {kind}: {where + ': ' if where else ''}{said}.") from None


def recognise(payload: Payload) -> Shape | None:
    """The shape of a payload from a file, or None; of several the first in the order of kinds and their shapes."""
    return next((shape for shape in _load().shapes.values() if shape.recognise(payload)), None)


def record(payload: Payload) -> RawRecord:
    """The record of a payload of any known shape.

    Raises:
        UnreadableError: the shape is unknown, or the payload is not sound.
    """
    shape = recognise(payload)
    if shape is None:
        raise UnreadableError(
            "unknown_shape", "The record has none of the known shapes: add the source with --map to say what it is."
        )
    return shape.record(payload)


def extract(shape: str, payload: Payload) -> Document:
    """The document of a record.

    Raises:
        UsageError: no usable kind has such records any more.
    """
    found = _load().shapes.get(shape)
    if found is None:
        raise UsageError(
            f"No kind of source has records of shape {shape!r}: install the package that they came from "
            "(`precedent source kinds` lists kinds), or remove their source."
        )
    return found.extract(payload)


@lru_cache(maxsize=1)
def _load() -> _Loaded:
    """All kinds; one that breaks the contract stops no other, and of two with one name ours is taken."""
    loaded = _Loaded({}, {}, {}, [])
    for point in sorted(entry_points(group=GROUP), key=lambda point: (_distribution(point) != OURS, point.name)):
        try:
            _add(loaded, point, point.load())
        except Exception as error:  # whatever another distribution does when it is imported
            reason = f"{type(error).__name__}: {error}"
            loaded.unavailable.append(ListedKind(point.name, point.name, False, reason, _distribution(point)))
    return loaded


def _add(loaded: _Loaded, point: EntryPoint, kind: object) -> None:
    if not isinstance(kind, SourceKind) or kind.name != point.name:
        raise TypeError(f"{point.value} is not a SourceKind named {point.name}")
    if kind.name in loaded.kinds:
        raise ValueError(f"the name is taken by {loaded.distributions[kind.name]}")
    taken = [shape.name for shape in kind.shapes if shape.name in loaded.shapes]
    if taken:
        raise ValueError(f"the shape {taken[0]} belongs to another kind")
    forms = {option.name: option.form for option in _options(loaded)}
    for option in options_of(kind.configuration):
        if forms.get(option.name, option.form) is not option.form:
            raise ValueError(f"--{option.name} takes a {forms[option.name]} in another kind")
    loaded.kinds[kind.name] = kind
    loaded.distributions[kind.name] = _distribution(point)
    loaded.shapes.update({shape.name: shape for shape in kind.shapes})


def _options(loaded: _Loaded) -> Iterator[SourceOption]:
    for kind in loaded.kinds.values():
        yield from options_of(kind.configuration)


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
