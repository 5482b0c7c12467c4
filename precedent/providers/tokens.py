"""Tokens: as a provider counts them, and an estimate where its own tokenizer is not at hand.

tiktoken fetches its tables from the network at first use; bytes over three errs on the safe side for prose and code.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BYTES_PER_TOKEN = 3
# No answer takes more; a higher figure is none.
MOST_TOKENS = 100_000_000
IMPOSSIBLE = -1
_WORD = re.compile(r"\w+|[^\w\s]|\s+")


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of a call as the provider counted them; 0 where it counts nothing.

    Attributes:
        input: Of the instructions and the question, or of the texts to embed.
        output: Of the answer, reasoning included.
        cached: The part of `input` that the provider took from its cache.
    """

    input: int = 0
    output: int = 0
    cached: int = 0

    @classmethod
    def reported(cls, input: object, output: object = 0, cached: object = 0) -> "TokenUsage":
        """What a provider says of one answer; nothing was counted where it says what cannot be.

        Args:
            input: The figures as they came: a count, None where there is none, or anything else.
            output: The same.
            cached: The same; one that cannot be counts as 0.
        """
        known, written, kept = total(input), total(output), total(cached)
        if IMPOSSIBLE in (known, written):
            return NO_TOKENS
        return cls(known, written, min(max(kept, 0), known))

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(self.input + other.input, self.output + other.output, self.cached + other.cached)


NO_TOKENS = TokenUsage()


def total(*counts: object) -> int:
    """The sum of a provider's counts, of which some may be missing; `IMPOSSIBLE` where one cannot be a count."""
    found = 0
    for count in counts:
        if count is None:
            continue
        if isinstance(count, bool) or not isinstance(count, int | float) or not 0 <= count <= MOST_TOKENS:
            return IMPOSSIBLE
        if count != int(count):
            return IMPOSSIBLE
        found += int(count)
    return found if found <= MOST_TOKENS else IMPOSSIBLE


def figure(answer: object, *path: str) -> Any:
    """What stands at a path of attributes or keys of an answer; None where the answer has another shape."""
    for name in path:
        answer = answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)
    return answer


def estimate(text: str) -> int:
    """An upper estimate of a text's tokens."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def estimate_many(texts: Iterable[str]) -> int:
    """The sum of the estimates."""
    return sum(estimate(text) for text in texts)


class ByteTokenCounter:
    """Counts tokens for a model whose tokenizer is not here: pieces of words of at most three bytes."""

    def __init__(self, window: int) -> None:
        self.window = window

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each piece in characters; white space belongs to no piece, as in most tokenizers."""
        found: list[tuple[int, int]] = []
        for match in _WORD.finditer(text):
            if match.group().isspace():
                continue
            start, used = match.start(), 0
            for position in range(match.start(), match.end()):
                size = len(text[position].encode())
                if used and used + size > BYTES_PER_TOKEN:
                    found.append((start, position))
                    start, used = position, 0
                used += size
            found.append((start, match.end()))
        return found

    def offsets_of_many(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """The same for each text."""
        return [self.offsets(text) for text in texts]

    def counts_of_many(self, texts: Sequence[str]) -> list[int]:
        """How many pieces each text has."""
        return [len(self.offsets(text)) for text in texts]
