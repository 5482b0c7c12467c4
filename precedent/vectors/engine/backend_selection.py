"""Which engine runs a model here: chosen once, loaded once, shared by all callers in the process."""

import contextlib
import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from precedent.errors import UsageError
from precedent.vectors.engine.conversion import converted, recall, remember
from precedent.vectors.engine.hardware import FLOAT32, device_of, precisions
from precedent.vectors.engine.model_config import NotAccelerated, read
from precedent.vectors.engine.model_files import ModelFiles
from precedent.vectors.engine.openvino import OpenVINOEngine
from precedent.vectors.engine.torch import TorchEngine
from precedent.vectors.engine.verification import agreement_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)
# A precision of earlier releases, which stored options may still hold.
WITHDRAWN = "int8"


class Engine(Protocol):
    """Runs one model in one precision."""

    backend: str
    precision: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """Vectors of length one, shape (len(texts), dimensions), and the tokens read (0 where unknown)."""
        ...


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What a provider's options ask of the engine; None leaves the choice to the machine."""

    precision: str | None = None
    device: str | None = None
    backend: str | None = None


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What runs a model here, and why it is nothing faster.

    Attributes:
        backend: `openvino` or `torch`.
        device: `cpu` or `cuda`.
        precision: Of the arithmetic; part of the identity of the vectors.
        reason: Why what would have come first was passed over; empty where nothing was.
    """

    backend: str
    device: str
    precision: str
    reason: str = ""


def candidates(request: EngineRequest) -> list[EngineChoice]:
    """What may run a model here, the fastest first.

    Raises:
        UsageError: this machine computes no such precision.
    """
    device = device_of(request.device)
    offered = precisions(device)
    if request.precision == WITHDRAWN:
        raise UsageError(
            f"The precision {WITHDRAWN} is no longer offered, as its vectors stray furthest from the model's: leave "
            "precision out of the provider's options, then refresh all sources of the tenant."
        )
    if request.precision and request.precision not in offered:
        raise UsageError(
            f"This machine's {device} computes {', '.join(offered)}, not {request.precision}: run where it does, or "
            f"say --option precision={FLOAT32}, which every machine computes, and refresh."
        )
    if device == "cuda":
        return [EngineChoice("torch", device, request.precision or offered[0])]
    wanted = [request.precision] if request.precision else offered
    found = [EngineChoice("openvino", device, name) for name in wanted]
    found += [EngineChoice("torch", device, wanted[-1])]
    return [choice for choice in found if request.backend in (None, choice.backend)]


_engines: dict[tuple[ModelFiles, EngineChoice], Engine] = {}
_lock = threading.Lock()


def choose(files: ModelFiles, request: EngineRequest, cache: Path) -> EngineChoice:
    """What runs a model here; found out once per machine by loading it, then read from `cache`.

    Raises:
        UsageError: nothing that was asked for can be had.
    """
    ways = candidates(request)
    if ways[0].backend == "torch":
        return ways[0]
    folder, name = cache / "choices", f"{_fingerprint(files, ways)}.json"
    known = recall(folder, name)
    if known is not None:
        return EngineChoice(**known)
    found = _settle(files, ways, cache)
    with contextlib.suppress(OSError):  # without room for it the next start finds out again
        folder.mkdir(parents=True, exist_ok=True)
        remember(folder, name, asdict(found))
    return found


def open_engine(files: ModelFiles, request: EngineRequest, cache: Path) -> Engine:
    """The engine of a model, loaded at the first call and shared.

    Raises:
        UsageError: nothing that was asked for can be had.
    """
    choice = choose(files, request, cache)
    with _lock:
        return _loaded(files, choice, cache)


def _settle(files: ModelFiles, ways: Sequence[EngineChoice], cache: Path) -> EngineChoice:
    reasons: list[str] = []
    for way in ways:
        choice = replace(way, reason="; ".join(reasons))
        try:
            with _lock:
                _loaded(files, choice, cache)
        except (NotAccelerated, ImportError) as reason:
            reasons.append(f"not by {way.backend} in {way.precision}: {reason}")
            logger.warning("%s does not run by %s in %s: %s.", files.name, way.backend, way.precision, reason)
        else:
            return choice
    raise UsageError(f"{files.name} cannot be run as asked ({'; '.join(reasons)}): leave precision and backend out.")


def _loaded(files: ModelFiles, choice: EngineChoice, cache: Path) -> Engine:
    key = (files, choice)
    if key not in _engines:
        _engines[key] = _load(files, choice, cache)
    return _engines[key]


def _load(files: ModelFiles, choice: EngineChoice, cache: Path) -> Engine:
    if choice.backend == "torch":
        return TorchEngine(files, dimensions_of(files), choice.precision, choice.device)
    config = read(files.folder)
    folder = converted(files, config, cache)
    engine = OpenVINOEngine(folder, tokenizer_of(files), dimensions_of(files), config.window, choice.precision)
    agreement_of(files, folder, engine)
    return engine


def _fingerprint(files: ModelFiles, ways: Sequence[EngineChoice]) -> str:
    """What a choice depends on: the model, what may run it, and the release that would."""
    try:
        release = version("openvino")
    except PackageNotFoundError:
        release = "absent"
    parts = [files.fingerprint, release, *(f"{way.backend}/{way.precision}" for way in ways)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def tokenizer_of(files: ModelFiles) -> "Tokenizer":
    """A fresh tokenizer of a model, which its caller may configure."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(files.folder / "tokenizer.json"))


@lru_cache(maxsize=8)
def dimensions_of(files: ModelFiles) -> int:
    """The width of a model's vectors: of its last dense layer, or without one of its transformer."""
    modules = json.loads((files.folder / "modules.json").read_text(encoding="utf-8"))
    dense = [module["path"] for module in modules if str(module["type"]).endswith(".Dense")]
    name = "out_features" if dense else "hidden_size"
    settings = files.folder / (dense[-1] if dense else "") / "config.json"
    return int(json.loads(settings.read_text(encoding="utf-8"))[name])
