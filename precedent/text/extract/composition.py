"""Putting a document's text together from its parts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

_Said = TypeVar("_Said")
_BEGINNING = datetime.min.replace(tzinfo=UTC)


def compose(title: str, parts: Iterable[str]) -> str:
    """The parts that say something, one empty line apart, without the title where the first repeats it."""
    text = "\n\n".join(part for part in parts if part)
    first, _, rest = text.partition("\n")
    if title and first.strip().casefold() == title.casefold():
        return rest.lstrip("\n")
    return text


def facts(**values: str | Sequence[str] | None) -> str:
    """One line of what is known: `type: Bug; labels: ui, crash`."""
    written = (
        (label.replace("_", " "), value if isinstance(value, str) else ", ".join(value or ()))
        for label, value in values.items()
    )
    return "; ".join(f"{label}: {value}" for label, value in written if value)


def last_spoken(
    said: Iterable[_Said],
    limit: int,
    *,
    created: Callable[[_Said], datetime | None],
    text: Callable[[_Said], str],
) -> list[str]:
    """The texts of the latest that have any, oldest first; without a date it counts as the oldest."""
    found: list[str] = []
    for each in sorted(said, key=lambda item: created(item) or _BEGINNING)[::-1]:
        if len(found) == limit:
            break
        if spoken := text(each):
            found.append(spoken)
    return found[::-1]
