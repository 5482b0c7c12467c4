"""From documents to the rows of their passages."""

import hashlib
from collections.abc import Sequence

from precedent.text.chunking import chunk_many
from precedent.text.chunking.tokens import BatchTokenCounter
from precedent.text.chunks import ChunkRow


def chunk_rows(documents: Sequence[tuple[int, str, str, str]], counter: BatchTokenCounter) -> list[ChunkRow]:
    """Cut documents into passages that fit the window of the counter.

    Args:
        documents: Id, external id, title and text of each.
        counter: Counts tokens as the model does.
    """
    passages = chunk_many([(title, text) for _, _, title, text in documents], counter)
    return [
        ChunkRow(document[0], part.ordinal, part.text, part.tokens, hashlib.sha256(part.text.encode()).digest())
        for document, parts in zip(documents, passages, strict=True)
        for part in parts
    ]
