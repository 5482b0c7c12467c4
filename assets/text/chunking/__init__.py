"""Cutting documents into passages that fit a model's window."""

from assets.text.chunking.chunks import CHUNKER_VERSION, Chunk, chunk, chunk_many
from assets.text.chunking.counting import BatchTokenCounter, HuggingFaceTokenCounter, TokenCounter

__all__ = [
    "CHUNKER_VERSION",
    "BatchTokenCounter",
    "Chunk",
    "HuggingFaceTokenCounter",
    "TokenCounter",
    "chunk",
    "chunk_many",
]
