"""Counting tokens the way a model does."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What a BERT-like model adds around a text: [CLS] and [SEP].
SPECIAL_TOKENS = 2


class TokenCounter(Protocol):
    """A model's tokenizer; `window` is the most tokens it reads, with the two special ones."""

    window: int

    def offsets_of_many(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where in each text its tokens stand: (start, end) in characters, without the special tokens."""
        ...

    def counts_of_many(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, without the special ones."""
        ...


class HuggingFaceTokenCounter:
    """Counts with a tokenizer of the `tokenizers` library.

    The library takes a run of more than 100 letters and digits for one unknown token. A line of base64 or
    a long identifier counts as one token then, is never cut inside, and may make a passage long in
    characters; the model does not read it either way.
    """

    def __init__(self, tokenizer: "Tokenizer", window: int) -> None:
        """Take over a tokenizer: its own truncation and padding are switched off."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.window = window

    def offsets_of_many(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where in each text its tokens stand; computed on every core."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [encoding.offsets for encoding in encodings]

    def counts_of_many(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has; without offsets, which take half of the time."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding) for encoding in encodings]
