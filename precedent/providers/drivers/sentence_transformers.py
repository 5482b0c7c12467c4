"""Embeddings by a sentence-transformers model in this process."""

from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from precedent.errors import UsageError
from precedent.providers.base import (
    UNLIMITED_TOKENS,
    BatchLimits,
    Capability,
    Driver,
    DriverInfo,
    Egress,
    LocalModel,
    ModelInfo,
)
from precedent.settings import Settings
from precedent.vectors.embedding import EmbeddingBatch, EmbeddingError, checked
from precedent.vectors.engine.backend_selection import EngineRequest, choose, dimensions_of, open_engine, tokenizer_of
from precedent.vectors.engine.model_config import NotAccelerated, window_of
from precedent.vectors.engine.model_files import DEFAULT_MODEL, ModelFiles, resolve

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class SentenceTransformersDriver(Driver):
    """A local model; loaded at the first call and shared by every caller in the process."""

    info: ClassVar[DriverInfo] = DriverInfo(
        name="sentence_transformers",
        title="sentence-transformers, in this process",
        capabilities=frozenset({Capability.EMBEDDING}),
        sdk="sentence_transformers",
        needs_key=False,
        egress=Egress.NEVER,
        default_models={Capability.EMBEDDING: DEFAULT_MODEL},
        free=True,
        limits=BatchLimits(inputs=1_000_000, tokens=UNLIMITED_TOKENS, tokens_each=1_000_000),
    )

    @cached_property
    def files(self) -> ModelFiles:
        """The model's files: the option `path`, the configured folder, or the packaged model."""
        path = self.provider.options.path
        return resolve(Settings.from_environment(), self.provider.model, Path(path) if path else None)

    @cached_property
    def request(self) -> EngineRequest:
        """What is configured of the engine."""
        options = self.provider.options
        return EngineRequest(options.precision, options.device, options.backend)

    @cached_property
    def cache(self) -> Path:
        """Where converted models are kept."""
        return Settings.from_environment().model_cache

    def local_model(self) -> LocalModel:
        """Its revision, window and tokenizer; loads the model only where this machine has never run it."""
        choice = choose(self.files, self.request, self.cache)
        return LocalModel(
            revision=self.files.fingerprint,
            dimensions=dimensions_of(self.files),
            window=self._window(),
            precision=choice.precision,
            load_tokenizer=partial(_tokenizer, self.files),
            backend=f"{choice.backend}/{choice.device}",
            backend_reason=choice.reason,
            name=self.files.name,
        )

    def _window(self) -> int:
        try:
            return window_of(self.files.folder)
        except NotAccelerated as reason:
            if self.provider.options.window:
                return self.provider.options.window
            raise UsageError(f"{self.files.name}: {reason}. Say --option window=N, in tokens.") from None

    def embed(self, texts: Sequence[str]) -> EmbeddingBatch:
        """Embed texts, each within the model's window; vectors have length one."""
        if not texts:
            return EmbeddingBatch(np.empty((0, dimensions_of(self.files)), np.float32), 0)
        engine = open_engine(self.files, self.request, self.cache)
        try:
            vectors, tokens = engine.encode(texts)
        except RuntimeError as error:
            raise EmbeddingError(f"the model failed on a batch of {len(texts)} texts: {error}") from error
        return checked(EmbeddingBatch(vectors, tokens), len(texts), engine.dimensions)

    def models(self) -> list[ModelInfo]:
        """The one model."""
        return [ModelInfo(self.files.name)]


@lru_cache(maxsize=2)
def _tokenizer(files: ModelFiles) -> "Tokenizer":
    tokenizer = tokenizer_of(files)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
