"""The fast path on processors: OpenVINO, streams that overlap, batches by token budget."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from precedent.vectors.engine.batches import batches
from precedent.vectors.engine.conversion import MODEL
from precedent.vectors.engine.hardware import BFLOAT16, cores

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Padded tokens in a batch: larger ones leave the cache, smaller ones the streams idle. Measured, see docs/benchmarks.
BATCH_TOKENS = 1024
# The tokenizer's encodings take far more memory than the numbers that are kept of them.
TOKENISED_AT_ONCE = 4096
MOST_STREAMS = 8


class OpenVINOEngine:
    """One compiled model; callers take turns, each call keeps all streams busy.

    Attributes:
        backend: `openvino`.
        precision: Of the arithmetic.
        dimensions: Of the vectors.
    """

    backend = "openvino"

    def __init__(self, folder: Path, tokenizer: "Tokenizer", dimensions: int, window: int, precision: str) -> None:
        import openvino as ov

        self.precision, self.dimensions = precision, dimensions
        self._tokenizer = tokenizer
        tokenizer.enable_truncation(window)
        tokenizer.no_padding()
        streams = min(cores(), MOST_STREAMS)
        compiled = ov.Core().compile_model(
            folder / MODEL,
            "CPU",
            {
                # Always said: OpenVINO's own choice differs by processor, and precision is part of a space's identity.
                "INFERENCE_PRECISION_HINT": "bf16" if precision == BFLOAT16 else "f32",
                "NUM_STREAMS": str(streams),
                "INFERENCE_NUM_THREADS": str(cores()),
                "PERFORMANCE_HINT": "THROUGHPUT",
            },
        )
        self._queue = ov.AsyncInferQueue(compiled, streams)
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Vectors of length one, shape (len(texts), dimensions), and how many tokens were read.

        Raises:
            RuntimeError: OpenVINO failed.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        tokens = 0
        with self._lock:
            for start in range(0, len(texts), TOKENISED_AT_ONCE):
                part = texts[start : start + TOKENISED_AT_ONCE]
                tokens += self._encode_part(part, vectors[start : start + len(part)])
        return vectors, tokens

    def _encode_part(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> int:
        ids = [_ids(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        lengths = np.array([len(row) for row in ids], dtype=np.int64)

        def store(request: Any, rows: NDArray[np.int64]) -> None:
            vectors[rows] = request.get_output_tensor().data

        self._queue.set_callback(store)
        try:
            for rows in batches(lengths, BATCH_TOKENS):
                padded = np.zeros((len(rows), int(lengths[rows[0]])), dtype=np.int64)
                mask = np.zeros_like(padded)
                for place, row in enumerate(rows):
                    padded[place, : lengths[row]] = ids[row]
                    mask[place, : lengths[row]] = 1
                self._queue.start_async([padded, mask], rows)
        finally:
            self._queue.wait_all()
        return int(lengths.sum())


def _ids(encoding: "Encoding") -> NDArray[np.int64]:
    return np.array(encoding.ids, dtype=np.int64)
