"""Tokens: as a provider counts them, and an estimate where its own tokenizer is not at hand.

tiktoken fetches its tables from the network at first use; bytes over three errs on the safe side for prose and code.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BYTES_PER_TOKEN = 3
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

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        return TokenUsage(self.input + other.input, self.output + other.output, self.cached + other.cached)


NO_TOKENS = TokenUsage()


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
