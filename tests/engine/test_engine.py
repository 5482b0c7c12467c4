"""The engine against its oracle: sentence-transformers with the same files."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from precedent.errors import UsageError
from precedent.vectors.engine import backend_selection, conversion, hardware, model_config, verification
from precedent.vectors.engine.backend_selection import EngineChoice, EngineRequest, choose, open_engine
from precedent.vectors.engine.model_config import NotAccelerated
from precedent.vectors.engine.model_files import ModelFiles
from precedent.vectors.engine.verification import SAMPLE

TEXTS = [
    *SAMPLE,
    "",
    " ",
    "word " * 3_000,
    "a" * 5_000,
    "\u0000 control \x07 characters",
    "emoji 🚒 and ☃ and ﷽",
    *(f"Issue {number}: the consumer of partition {number} lags behind" for number in range(200)),
]


def oracle(files: ModelFiles) -> np.ndarray:
    model = conversion.original(files)
    return np.asarray(model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False), dtype=np.float32)


@pytest.fixture(scope="module")
def expected(packaged: ModelFiles) -> np.ndarray:
    return oracle(packaged)


@pytest.mark.parametrize("asked", [EngineRequest(), EngineRequest("float32"), EngineRequest(backend="torch")], ids=str)
def test_vectors_are_those_of_sentence_transformers_in_the_order_of_the_texts(
    asked: EngineRequest, packaged: ModelFiles, cache: Path, expected: np.ndarray
) -> None:
    engine = open_engine(packaged, asked, cache)
    vectors, tokens = engine.encode(TEXTS)
    cosines = (vectors * expected).sum(axis=1)
    assert cosines.mean() > 0.9999
    assert cosines.min() > 0.9995
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors.dtype == np.float32
    nearest = (vectors @ vectors.T).argsort(axis=1)[:, -10:]
    exact = (expected @ expected.T).argsort(axis=1)[:, -10:]
    overlap = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest, exact, strict=True)])
    assert overlap > 0.95
    if engine.backend == "openvino":
        assert tokens > len(TEXTS)
        assert engine.precision == choose(packaged, asked, cache).precision


def test_threads_share_one_engine_and_get_their_own_vectors(
    packaged: ModelFiles, cache: Path, expected: np.ndarray
) -> None:
    engine = open_engine(packaged, EngineRequest("float32"), cache)
    assert engine is open_engine(packaged, EngineRequest("float32"), cache)
    found: dict[int, np.ndarray] = {}

    def work(start: int) -> None:
        found[start] = engine.encode(TEXTS[start::4])[0]

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for start in range(4):
        assert np.abs(found[start] - expected[start::4]).max() < 1e-3


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_every_pooling_is_the_models_own(pooling: str, tiny: Callable[..., ModelFiles], cache: Path) -> None:
    files = tiny(pooling)
    choice = choose(files, EngineRequest("float32"), cache)
    assert (choice.backend, choice.precision) == ("openvino", "float32")
    vectors, _ = open_engine(files, EngineRequest("float32"), cache).encode(TEXTS)
    assert (vectors * oracle(files)).sum(axis=1).min() > 0.9999


def test_a_model_that_does_more_is_left_to_sentence_transformers(tiny: Callable[..., ModelFiles], cache: Path) -> None:
    files = tiny(dense=True)
    choice = choose(files, EngineRequest(), cache)
    assert (choice.backend, choice.precision) == ("torch", "float32")
    assert "Dense" in choice.reason
    vectors, _ = open_engine(files, EngineRequest(), cache).encode(TEXTS)
    assert (vectors * oracle(files)).sum(axis=1).min() > 0.9999
    with pytest.raises(UsageError, match="cannot be run as asked"):
        choose(files, EngineRequest(backend="openvino"), cache)


def test_eight_bit_weights_of_earlier_releases_are_refused_with_what_to_do(packaged: ModelFiles, cache: Path) -> None:
    with pytest.raises(UsageError, match=r"int8 is no longer offered.*leave precision out.*then refresh"):
        choose(packaged, EngineRequest("int8"), cache)


def test_a_conversion_that_says_something_else_is_refused(
    tiny: Callable[..., ModelFiles], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tiny(seed=2)
    pooled = conversion._with_pooling
    monkeypatch.setattr(conversion, "_with_pooling", lambda transformer, _: pooled(transformer, "max"))
    choice = choose(files, EngineRequest(), cache)
    assert (choice.backend, choice.precision) == ("torch", "float32")
    assert "agree with the original's to a cosine of" in choice.reason
    # What was found is kept: the next process neither converts nor compares again.
    monkeypatch.setattr(backend_selection, "_settle", pytest.fail)
    assert choose(files, EngineRequest(), cache) == choice


def test_a_model_is_converted_once_and_compared_once(
    tiny: Callable[..., ModelFiles], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tiny(seed=3)
    first = choose(files, EngineRequest("float32"), cache)
    backend_selection._engines.clear()
    monkeypatch.setattr(conversion, "_convert", pytest.fail)
    monkeypatch.setattr(verification, "original", pytest.fail)
    assert choose(files, EngineRequest("float32"), cache) == first
    open_engine(files, EngineRequest("float32"), cache).encode(["again"])


def test_a_conversion_that_was_cut_off_leaves_nothing_that_looks_done(
    tiny: Callable[..., ModelFiles], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino as ov

    files = tiny(seed=4)
    known = model_config.read(files.folder)

    def full(model: object, path: Path, **_: object) -> None:
        path.write_text("<half", encoding="utf-8")
        raise RuntimeError("No space left on device")

    save = ov.save_model
    monkeypatch.setattr(ov, "save_model", full)
    with pytest.raises(NotAccelerated, match="cannot be written"):
        conversion.converted(files, known, tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []
    monkeypatch.setattr(ov, "save_model", save)
    assert (conversion.converted(files, known, tmp_path / "cache") / "model.xml").is_file()


def test_a_cache_that_cannot_be_written_costs_speed_and_nothing_else(
    tiny: Callable[..., ModelFiles], tmp_path: Path
) -> None:
    files = tiny(seed=5)
    (tmp_path / "taken").write_text("a file where a folder is wanted", encoding="utf-8")
    choice = choose(files, EngineRequest(), tmp_path / "taken")
    assert choice.backend == "torch"
    assert "cannot be kept" in choice.reason
    assert open_engine(files, EngineRequest(), tmp_path / "taken").encode(["text"])[0].shape == (1, 32)


def test_what_the_machine_does_not_compute_is_refused(packaged: ModelFiles, cache: Path) -> None:
    with pytest.raises(UsageError, match="not float16"):
        choose(packaged, EngineRequest("float16", device="cpu"), cache)


@pytest.mark.parametrize(
    ("flags", "offered"),
    [
        (set(), ("float32",)),
        ({"avx512_bf16"}, ("bfloat16", "float32")),
        ({"amx_bf16", "amx_tile"}, ("bfloat16", "float32")),
    ],
)
def test_bfloat16_is_used_only_where_the_processor_has_it(
    flags: set[str], offered: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "cpu_flags", lambda: frozenset(flags))
    assert hardware.precisions("cpu") == offered
    assert hardware.precisions("cuda")[0] == "float16"
    ways = backend_selection.candidates(EngineRequest(device="cpu"))
    assert ways[0] == EngineChoice("openvino", "cpu", offered[0])
    assert ways[-1] == EngineChoice("torch", "cpu", "float32")
