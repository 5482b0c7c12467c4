"""Embeddings by a sentence-transformers model in this process."""

import json
import threading
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from resources.providers.contract import (
    BatchLimits,
    Capability,
    Driver,
    DriverInfo,
    Egress,
    LocalModel,
    ModelInfo,
)
from resources.providers.embedding import EmbeddingBatch, EmbeddingError, checked
from resources.providers.model_files import DEFAULT_MODEL, ModelFiles, resolve
from resources.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

BATCH_TOKENS = 4096
# A model's forward pass uses every core; two at once would only fight for them.
_one_at_a_time = threading.Lock()


class SentenceTransformersDriver(Driver):
    """A local model; loaded at the first call and shared by every caller in the process."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="sentence_transformers", title="sentence-transformers, in this process",
        capabilities=frozenset({Capability.EMBEDDING}), sdk="sentence_transformers", needs_key=False,
        egress=Egress.NEVER, default_models={Capability.EMBEDDING: DEFAULT_MODEL}, free=True,
        limits=BatchLimits(inputs=1_000_000, tokens=1_000_000_000, tokens_each=1_000_000),
    )  # fmt: skip

    @cached_property
    def files(self) -> ModelFiles:
        """The model's files: the row's `path`, the configured folder, or the packaged model."""
        path = self.settings.options.get("path")
        return resolve(Settings.from_environment(), self.settings.model, Path(path) if path else None)

    def local_model(self) -> LocalModel:
        """Its revision, window and tokenizer; reads configuration files only, never the weights' tensors."""
        settings = json.loads((self.files.folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        return LocalModel(
            revision=self.files.weights_sha256[:16], dimensions=_dimensions(self.files),
            window=int(settings["max_seq_length"]), precision="float32", tokenizer=_tokenizer(self.files),
        )  # fmt: skip

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts, each within the model's window; vectors have length one."""
        dimensions = _dimensions(self.files)
        if not texts:
            return EmbeddingBatch(np.empty((0, dimensions), np.float32), 0)
        longest = max(len(text) for text in texts)
        rows = max(8, min(256, BATCH_TOKENS // max(8, longest // 4)))
        try:
            with _one_at_a_time:
                vectors = _model(self.files).encode(
                    list(texts), batch_size=rows, normalize_embeddings=True, convert_to_numpy=True,
                    show_progress_bar=False,
                )  # fmt: skip
        except RuntimeError as error:
            raise EmbeddingError(f"the model failed on a batch of {len(texts)} texts: {error}") from error
        return checked(EmbeddingBatch(np.asarray(vectors, dtype=np.float32), 0), len(texts), dimensions)

    def models(self) -> list[ModelInfo]:
        """The one model."""
        return [ModelInfo(self.files.name)]


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
