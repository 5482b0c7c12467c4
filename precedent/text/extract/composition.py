"""Putting a document's text together from its parts."""

import re
from collections.abc import Iterable, Sequence

SHORT = 200
SENTENCE_END = re.compile(r"[.!?](?=\s)")


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


def shortened(text: str) -> str:
    """The first sentences that fit into two hundred characters; the whole stands in the document's text."""
    line = " ".join(text.split())
    if len(line) <= SHORT:
        return line
    ends = [match.end() for match in SENTENCE_END.finditer(line, 0, SHORT)]
    return line[: ends[-1]] if ends else line[: SHORT - 1].rsplit(" ", 1)[0] + "…"
