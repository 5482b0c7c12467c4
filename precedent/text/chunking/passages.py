"""Where a text is cut into passages."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil

_SENTENCE_END = re.compile(r"[.!?…][\"')\]*_]*\s|[。！？]")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_WHITESPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Passage:
    """A range of a text in characters; neither end is whitespace."""

    start: int
    end: int


class TokenisedText:
    """A text with the places of its tokens, to be cut between tokens only."""

    def __init__(self, text: str, offsets: Sequence[tuple[int, int]]) -> None:
        self._text = text
        # Several tokens may stand for one character, as the bytes of an emoji do: no cut is made between them.
        self._starts = [start for start, _ in offsets]
        self._ends = [end for _, end in offsets]

    def __len__(self) -> int:
        return len(self._starts)

    def passages(self, budget: int, overlap: int) -> Iterator[Passage]:
        """Cover the text with passages of at most `budget` tokens."""
        return self._cover(0, len(self), budget, overlap)

    def split(self, passage: Passage, budget: int) -> Iterator[Passage]:
        """Cover one passage with smaller ones."""
        first = bisect_left(self._starts, passage.start)
        # A passage may begin with characters that have no token.
        end = bisect_left(self._starts, passage.end)
        pieces = list(self._cover(first, end, budget, 0))
        pieces[0] = Passage(passage.start, pieces[0].end)
        pieces[-1] = Passage(pieces[-1].start, passage.end)
        return iter(pieces)

    def _cover(self, start: int, end: int, budget: int, overlap: int) -> Iterator[Passage]:
        # At most a quarter, so that every passage goes well beyond the one before.
        overlap = min(overlap, budget // 4)
        while end - start > budget:
            cut = self._cut(start, end, budget, overlap)
            if cut >= end:
                break
            yield self._passage(start, cut)
            start = self._resume(start, cut, overlap)
        yield self._passage(start, end)

    def _passage(self, start: int, end: int) -> Passage:
        """The characters from one token to before another, with those between that have no token."""
        begin = self._starts[start] if start else 0
        stop = self._starts[end] if end < len(self) else len(self._text)
        piece = self._text[begin:stop]
        stripped = piece.lstrip()
        begin += len(piece) - len(stripped)
        return Passage(begin, begin + len(stripped.rstrip()))

    def _cut(self, start: int, end: int, budget: int, overlap: int) -> int:
        """The token before which to cut: the best kind of border in the later part of the budget."""
        last = start + budget
        remaining = end - start
        if remaining + overlap < budget * 3 // 2:
            # Two passages are left: cut so that the second is not tiny.
            last = min(last, start + ceil((remaining + overlap) * 0.6))
        size = last - start
        begin = self._starts
        for pattern, share in ((_PARAGRAPH, 0.5), (None, 0.6), (_SENTENCE_END, 0.6)):
            first = start + max(1, int(size * share))
            found = self._last_border(pattern, begin[first - 1], begin[last])
            if start < found <= last:
                return found
        low, high = begin[start + max(1, size // 2) - 1], begin[last]
        spaces = max(self._text.rfind(space, low, high) for space in " \n\t")
        if spaces >= low and (found := bisect_right(begin, spaces)) > start:
            return found
        return self._between_tokens(start, last, end)

    def _last_border(self, pattern: re.Pattern[str] | None, low: int, high: int) -> int:
        """The token after the last border in a range of characters, or 0; without a pattern a line's end."""
        position = -1
        if pattern is None:
            position = self._text.rfind("\n", low, high)
        else:
            for match in pattern.finditer(self._text, low, high):
                position = match.end() - 1
        return bisect_right(self._starts, position) if position >= 0 else 0

    def _between_tokens(self, start: int, last: int, end: int) -> int:
        """Some place where one token ends before the next begins; later than asked only if there is none."""
        cut: int
        for cut in chain(range(last, start, -1), range(last + 1, end)):
            if self._ends[cut - 1] <= self._starts[cut] > self._starts[start]:
                return cut
        return end

    def _resume(self, start: int, cut: int, overlap: int) -> int:
        """The token to go on with: up to `overlap` before the cut, at the start of a line or sentence."""
        earliest = max(start + 1, cut - overlap)
        if earliest >= cut:
            return cut
        begin = self._starts
        low, high = begin[earliest - 1], begin[cut]
        places = [match.end() for match in _SENTENCE_END.finditer(self._text, low, high)]
        line = self._text.find("\n", low, high)
        if line >= 0:
            places.append(line + 1)
        candidates = [token for place in places if earliest <= (token := bisect_left(begin, place)) < cut]
        if candidates:
            return min(candidates)
        before = self._text[self._ends[cut - 1] : begin[cut]]
        if "\n" in before or self._text[self._ends[cut - 1] - 1] in ".!?…。！？":
            return cut
        # Cut within a sentence: some words of it give the next passage its context.
        space = _WHITESPACE.search(self._text, low, high)
        found = bisect_left(begin, space.end()) if space else cut
        return found if earliest <= found < cut else cut
