"""The passage of a document that says most about a query, with the places of the query's words."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

from precedent.search.analyzer import Span, spans

# Characters of a snippet, and of a text that are looked at: what matters stands early, logs can be megabytes.
LENGTH = 320
LOOKED_AT = 20_000


class Snippet(NamedTuple):
    """A passage on one line; `marks` are the places (start, end) of the query's words in it, `weight` that of them."""

    text: str
    marks: tuple[tuple[int, int], ...]
    weight: float = 0.0


def snippet(text: str, weights: Mapping[str, float], length: int = LENGTH) -> Snippet:
    """The passage of at most `length` characters whose distinct words weigh most; the beginning where none matches.

    Args:
        text: The document's text.
        weights: The query's lexemes with their weights.
        length: How many characters at most.
    """
    text = text[:LOOKED_AT]
    hits = [(span, found) for span in spans(text) if (found := _matching(span, weights))]
    weight, start, end = _densest(hits, weights, length) if hits else (0.0, 0, 0)
    start, end = _widened(text, start, end, length)
    marks = [(span.start, span.end) for span, _ in hits if start <= span.start and span.end <= end]
    return _on_one_line(text, start, end, marks)._replace(weight=weight)


def _matching(span: Span, weights: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(lexeme for part in span.lexemes for lexeme in part if lexeme in weights)


def _densest(
    hits: list[tuple[Span, tuple[str, ...]]], weights: Mapping[str, float], length: int
) -> tuple[float, int, int]:
    """The weight and place of the window whose distinct lexemes weigh most; the earliest of equals."""
    window: deque[tuple[Span, tuple[str, ...]]] = deque()
    held: Counter[str] = Counter()
    value = best = 0.0
    place = (hits[0][0].start, hits[0][0].end)
    for span, found in hits:
        window.append((span, found))
        for lexeme in found:
            value += weights[lexeme] if held[lexeme] == 0 else 0.0
            held[lexeme] += 1
        while len(window) > 1 and span.end - window[0][0].start > length:
            for lexeme in window.popleft()[1]:
                held[lexeme] -= 1
                value -= weights[lexeme] if held[lexeme] == 0 else 0.0
        if value > best + 1e-9:
            best, place = value, (window[0][0].start, span.end)
    return best, *place


def _widened(text: str, start: int, end: int, length: int) -> tuple[int, int]:
    """The window grown to its length: back to the beginning of its sentence or line, then forward, at whole words."""
    if len(text) <= length:
        return 0, len(text)
    spare = max(0, length - (end - start))
    earliest = max(0, start - spare)
    head = text[earliest:start]
    cut = max(head.rfind("\n"), head.rfind(". "), head.rfind("! "), head.rfind("? "))
    if cut >= 0:
        start = earliest + cut + 1
    elif earliest == 0:
        start = 0
    elif (space := head.find(" ")) >= 0:
        start = earliest + space + 1
    limit = min(len(text), max(end, start + length))
    if limit < len(text) and limit > end:
        space = max(text.rfind(" ", end, limit + 1), text.rfind("\n", end, limit + 1))
        limit = space if space >= 0 else limit
    return start, limit


def _on_one_line(text: str, start: int, end: int, marks: list[tuple[int, int]]) -> Snippet:
    """The passage with each run of white space as one space, and the marks moved with it."""
    letters: list[str] = []
    places: list[int] = []
    for letter in text[start:end]:
        places.append(len(letters))
        if not letter.isspace():
            letters.append(letter)
        elif letters and letters[-1] != " ":
            letters.append(" ")
    places.append(len(letters))
    return Snippet(
        "".join(letters).rstrip(), tuple((places[first - start], places[last - start]) for first, last in marks)
    )
