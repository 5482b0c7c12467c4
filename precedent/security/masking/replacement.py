"""All rules applied to a text, or to the fields of a value."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from precedent.security.masking.assignments import assignments, pairs
from precedent.security.masking.commands import commands
from precedent.security.masking.headers import headers
from precedent.security.masking.hosts import hosts
from precedent.security.masking.mails import mails
from precedent.security.masking.pem import private_keys
from precedent.security.masking.tokens import tokens
from precedent.security.masking.urls import urls

# Part of the identity of passages and vectors: raise it when the same text would be masked in another way.
MASKING_VERSION = "2"
EMAIL, ADDRESS, SECRET = "[email]", "[address]", "[secret]"

Place = tuple[int, int]
Rule = Callable[[str], Iterator[Place]]
SECRETS: tuple[Rule, ...] = (private_keys, tokens, headers, urls, assignments, pairs, commands)
Model = TypeVar("Model", bound=BaseModel)


def mask(text: str) -> str:
    """The text with every secret, network address and e-mail address replaced; what is masked already stays."""
    parts, reached = [], 0
    for start, end, mark in places(text):
        parts += [text[reached:start], mark]
        reached = end
    return "".join(parts) + text[reached:]


def places(text: str) -> list[tuple[int, int, str]]:
    """What is replaced in a text: start, end and by what, in order."""
    found = [(start, end, SECRET) for start, end in _merged(place for rule in SECRETS for place in rule(text))]
    for rule, mark in ((mails, EMAIL), (hosts, ADDRESS)):
        # A password before an `@` is a secret and no address.
        found = list(_with(found, rule(text), mark))
    return found


def mask_fields(model: Model) -> Model:
    """The same value with each text in it masked, whatever field it stands in.

    Raises:
        ValidationError: a masked text does not fit its field.
    """
    return type(model).model_validate(_masked(model.model_dump()))


def count_marks(texts: Iterable[str]) -> int:
    """How many places are replaced in masked texts."""
    return sum(text.count(mark) for text in texts for mark in (EMAIL, ADDRESS, SECRET))


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


def _merged(places: Iterable[Place]) -> Iterator[Place]:
    """The places in order; those that overlap are one."""
    last: Place | None = None
    for start, end in sorted(places):
        if last is None:
            last = (start, end)
        elif start < last[1]:
            last = (last[0], max(last[1], end))
        else:
            yield last
            last = (start, end)
    if last is not None:
        yield last


def _with(held: list[tuple[int, int, str]], found: Iterable[Place], mark: str) -> Iterator[tuple[int, int, str]]:
    """The held places and those of the found ones that overlap none of them, in order."""
    position = 0
    for start, end in _merged(found):
        while position < len(held) and held[position][1] <= start:
            yield held[position]
            position += 1
        if position == len(held) or end <= held[position][0]:
            yield start, end, mark
    yield from held[position:]
