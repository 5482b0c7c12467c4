"""Which tokenizer counts for a tenant's embedding model."""

from precedent.providers.runtime.embedder import Embedder
from precedent.text.chunking import BatchTokenCounter, HuggingFaceTokenCounter


def counter_of(embedder: Embedder) -> BatchTokenCounter:
    """The model's own tokenizer where its files are here, else an estimate that errs on the safe side."""
    tokenizer = embedder.tokenizer
    return embedder.byte_counter if tokenizer is None else HuggingFaceTokenCounter(tokenizer, embedder.window)
