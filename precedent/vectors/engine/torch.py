"""The path for GPUs and for models that the fast one does not take: sentence-transformers itself."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from precedent.vectors.engine.batches import batches
from precedent.vectors.engine.conversion import original
from precedent.vectors.engine.hardware import BFLOAT16, FLOAT16, FLOAT32
from precedent.vectors.engine.model_files import ModelFiles

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# A processor is busy with few rows, a GPU wants many.
BATCH_TOKENS = {"cpu": 4096, "cuda": 131_072}
MOST_ROWS = 1024
# Characters of an average token: batches are planned before the model's own tokenizer has seen the texts.
CHARACTERS_PER_TOKEN = 4


class TorchEngine:
    """A model on one device; callers take turns.

    Attributes:
        backend: `torch` with the device.
        precision: Of the arithmetic.
        dimensions: Of the vectors.
    """

    def __init__(self, files: ModelFiles, dimensions: int, precision: str, device: str) -> None:
        self.backend, self.precision, self.dimensions = f"torch/{device}", precision, dimensions
        self._files, self._device = files, device
        self._lock = threading.Lock()
        self._model: SentenceTransformer | None = None

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Vectors of length one, shape (len(texts), dimensions), and 0 for tokens: it does not say how many.

        Raises:
            RuntimeError: torch failed, for one for lack of memory.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        lengths = np.array([len(text) // CHARACTERS_PER_TOKEN + 2 for text in texts], dtype=np.int64)
        with self._lock:
            model = self._loaded()
            for rows in batches(np.minimum(lengths, model.max_seq_length or 512), BATCH_TOKENS[self._device]):
                for start in range(0, len(rows), MOST_ROWS):
                    part = rows[start : start + MOST_ROWS]
                    vectors[part] = model.encode(
                        [texts[row] for row in part],
                        batch_size=len(part),
                        normalize_embeddings=True,
                        convert_to_numpy=True,
                        show_progress_bar=False,
                    ).astype(np.float32)
        return vectors, 0

    def _loaded(self) -> "SentenceTransformer":
        if self._model is None:
            self._model = original(self._files, self._device)
            if self.precision in (FLOAT16, BFLOAT16):
                self._model = self._model.half() if self.precision == FLOAT16 else self._model.bfloat16()
            elif self.precision != FLOAT32:
                raise RuntimeError(f"torch has no {self.precision} here")
        return self._model
