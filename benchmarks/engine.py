"""The embedding engine next to plain `SentenceTransformer.encode`, interleaved in one run on the same texts.

Where `optimum-intel` is installed, also next to the OpenVINO backend of sentence-transformers, in the same precision.
"""

import gzip
import json
import random
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.setting import machine, records
from precedent.settings import Settings
from precedent.vectors.engine.backend_selection import EngineRequest, choose, open_engine, tokenizer_of
from precedent.vectors.engine.conversion import original
from precedent.vectors.engine.hardware import precisions
from precedent.vectors.engine.model_files import ModelFiles, resolve

LENGTHS = (16, 64, 128, 256)
TEXTS, ROUNDS = 256, 3
Encode = Callable[[list[str]], NDArray[np.float32]]


def main() -> None:
    """Every length and the mixed texts, ROUNDS times in turn; medians, ratios, agreement."""
    settings = Settings.from_environment()
    files = resolve(settings)
    cache = settings.model_cache
    model = original(files)
    window = model.max_seq_length or 256
    tokenizer = tokenizer_of(files)
    tokenizer.no_padding()
    tokenizer.enable_truncation(window)

    def plain(texts: list[str]) -> NDArray[np.float32]:
        return np.asarray(model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False))

    ways: dict[str, Encode] = {"sentence-transformers": plain}
    if find_spec("optimum") is not None:
        ways["its OpenVINO backend"] = openvino_backend(files)
    for precision in precisions("cpu"):
        engine = open_engine(files, EngineRequest(precision, "cpu"), cache)
        ways[f"{engine.backend} {precision}"] = lambda texts, engine=engine: engine.encode(texts)[0]  # type: ignore[misc]
    chosen = choose(files, EngineRequest(), cache)
    table = Table(title=f"Embedding, {ROUNDS} rounds; {machine()}; chosen here: {chosen.backend} {chosen.precision}")
    for column in ("texts", "tokens", "way", "tokens/s", "ratio", "cosine mean", "cosine lowest", "top-10 overlap"):
        table.add_column(column, justify="left" if column in ("texts", "way") else "right")
    for name, texts in corpora(tokenizer.encode, window).items():
        tokens = sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts))
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        vectors: dict[str, NDArray[np.float32]] = {}
        for _ in range(ROUNDS):
            for way, encode in ways.items():
                began = time.perf_counter()
                vectors[way] = encode(texts)
                seconds[way].append(time.perf_counter() - began)
        exact = vectors["sentence-transformers"]
        base = statistics.median(seconds["sentence-transformers"])
        for way in ways:
            middle = statistics.median(seconds[way])
            cosines = (vectors[way] * exact).sum(axis=1)
            table.add_row(
                name,
                f"{tokens:,}",
                way,
                f"{tokens / middle:,.0f}",
                f"{base / middle:.2f}",
                f"{cosines.mean():.5f}",
                f"{cosines.min():.5f}",
                f"{overlap(vectors[way], exact):.3f}",
            )
        table.add_section()
    Console(width=130).print(table)


def openvino_backend(files: ModelFiles) -> Encode:
    """sentence-transformers with its OpenVINO backend, in the precision that the hint of the processor allows."""
    from sentence_transformers import SentenceTransformer

    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "bf16"}
    model = SentenceTransformer(
        str(files.folder), backend="openvino", local_files_only=True, model_kwargs={"export": True, "ov_config": hints}
    )

    def encode(texts: list[str]) -> NDArray[np.float32]:
        return np.asarray(model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False))

    return encode


def corpora(encode: Callable[..., object], window: int) -> dict[str, list[str]]:
    """Real issue texts cut to lengths in tokens, and as long as they are."""
    with gzip.open(records("jira", "issues.jsonl.gz"), "rt", encoding="utf-8") as lines:
        fields = [json.loads(line)["fields"] for line in lines]
    whole = [f"{item.get('summary') or ''}\n{item.get('description') or ''}" for item in fields]
    draw = random.Random(1)  # noqa: S311 - a sample
    found = {}
    for length in LENGTHS:
        long = [text for text in whole if len(text) > 8 * length]
        found[f"{length} tokens"] = [cut(encode, text, length) for text in draw.sample(long, TEXTS)]
    found["mixed"] = draw.sample(whole, 2 * TEXTS)
    return found


def cut(encode: Callable[..., object], text: str, tokens: int) -> str:
    """The first so many tokens of a text, the special ones included."""
    offsets = encode(text[: 12 * tokens]).offsets  # type: ignore[attr-defined]
    inner = [end for start, end in offsets if end > start][: tokens - 2]
    return text[: inner[-1]] if inner else text[:tokens]


def overlap(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    """The share of each text's ten nearest others that both find."""
    found = []
    for left, right in zip(nearest(ours), nearest(theirs), strict=True):
        found.append(len(set(left) & set(right)) / len(left))
    return float(np.mean(found))


def nearest(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The ten nearest others of each row."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    return np.argpartition(-cosines, 10, axis=1)[:, :10]
