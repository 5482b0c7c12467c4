"""Cutting documents into passages that fit a model's window."""

from precedent.text.chunking.chunks import CHUNKER_VERSION, Chunk, chunk, chunk_many
from precedent.text.chunking.tokens import HuggingFaceTokenCounter, TokenCounter

__all__ = [
    "CHUNKER_VERSION",
    "Chunk",
    "HuggingFaceTokenCounter",
    "TokenCounter",
    "chunk",
    "chunk_many",
]
