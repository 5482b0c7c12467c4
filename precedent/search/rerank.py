"""A cross-encoder that reads query and document together: slower than both legs, and a better judge of the first few.

It is configured by a folder (`PRECEDENT_RERANKER`) with a model that sentence-transformers' `CrossEncoder` can load.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from precedent.errors import ModelError, UsageError

# How many of the fused results are read again, and how many characters of each.
DEPTH = 30
CHARACTERS = 2_000
BATCH = 16


class Reranker(Protocol):
    """Scores texts for a query, higher is better."""

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, in their order."""
        ...


class CrossEncoderReranker:
    """A local cross-encoder with one output, loaded when it is first asked."""

    def __init__(self, path: Path) -> None:
        """Load the model.

        Raises:
            ModelError: the folder holds no model with one output that can be loaded.
        """
        from sentence_transformers import CrossEncoder

        try:
            self._model = CrossEncoder(str(path), local_files_only=True)
        except Exception as error:
            raise ModelError(
                f"No cross-encoder can be loaded from {path} ({type(error).__name__}): set PRECEDENT_RERANKER to a "
                "folder with config.json, weights and tokenizer, or search without --rerank."
            ) from error
        if self._model.num_labels != 1:
            raise ModelError(
                f"The model in {path} has {self._model.num_labels} outputs, a reranker has one: set PRECEDENT_RERANKER "
                "to another folder, or search without --rerank."
            )

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score a text, in their order; what does not fit the model's window is cut."""
        if not texts:
            return []
        pairs = [(query[:CHARACTERS], text[:CHARACTERS]) for text in texts]
        found = self._model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return [float(score) for score in found]


def open_reranker(path: Path | None) -> Reranker:
    """The configured reranker; a model is loaded once a process.

    Raises:
        UsageError: none is configured.
        ModelError: what is configured cannot be loaded.
    """
    if path is None:
        raise UsageError(
            "No reranker is configured: set PRECEDENT_RERANKER to a cross-encoder's folder, or search without --rerank."
        )
    if not path.is_dir():
        raise UsageError(f"PRECEDENT_RERANKER names {path}, which is no folder: correct it.")
    return _opened(path.resolve())


@lru_cache(maxsize=1)
def _opened(path: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(path)
