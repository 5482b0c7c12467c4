"""Embeddings by a sentence-transformers model in this process."""

import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from resources.providers.embedding import EmbeddingBatch, EmbeddingError, checked
from resources.providers.model_files import ModelFiles
from resources.stores.spaces import SpaceProfile

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

# What a text goes through before the model sees it and a vector before it is stored.
PREPROCESSING = "title+passage/l2"
BATCH_TOKENS = 4096


class SentenceTransformersProvider:
    """A local model; loaded at the first call and shared by every caller in the process."""

    name = "sentence_transformers"

    def __init__(self, files: ModelFiles) -> None:
        self.files = files
        self._lock = threading.Lock()

    @property
    def profile(self) -> SpaceProfile:
        """The space of this model; reads configuration files only."""
        return SpaceProfile(
            provider=self.name,
            model=self.files.name,
            model_revision=self.files.weights_sha256[:16],
            dimensions=_dimensions(self.files),
            precision="float32",
            preprocessing=PREPROCESSING,
        )

    @property
    def window(self) -> int:
        """The longest text in tokens, special tokens included."""
        settings = json.loads((self.files.folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        return int(settings["max_seq_length"])

    def tokenizer(self) -> "Tokenizer":
        """The model's own tokenizer, without truncation and padding; does not load the model."""
        return _tokenizer(self.files)

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts; see `EmbeddingProvider.embed`."""
        if not texts:
            return EmbeddingBatch(np.empty((0, self.profile.dimensions), np.float32), 0)
        with self._lock:
            model = _model(self.files)
        longest = max(len(text) for text in texts)
        rows = max(8, min(256, BATCH_TOKENS // max(8, longest // 4)))
        try:
            # A model's forward pass uses every core; two at once would only fight for them.
            with self._lock:
                vectors = model.encode(
                    list(texts), batch_size=rows, normalize_embeddings=True, convert_to_numpy=True,
                    show_progress_bar=False,
                )  # fmt: skip
        except RuntimeError as error:
            raise EmbeddingError(f"the model failed on a batch of {len(texts)} texts: {error}") from error
        return checked(EmbeddingBatch(np.asarray(vectors, dtype=np.float32), 0), len(texts), self.profile.dimensions)


@lru_cache(maxsize=2)
def _model(files: ModelFiles) -> "SentenceTransformer":
    import logging

    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return SentenceTransformer(str(files.folder), local_files_only=True)


@lru_cache(maxsize=2)
def _tokenizer(files: ModelFiles) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@lru_cache(maxsize=8)
def _dimensions(files: ModelFiles) -> int:
    settings = json.loads((files.folder / "config.json").read_text(encoding="utf-8"))
    return int(settings["hidden_size"])
