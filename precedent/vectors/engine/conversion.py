"""A model as OpenVINO reads it: converted once per machine, kept by the fingerprint of its files."""

import fcntl
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from precedent.vectors.engine.model_config import ModelConfig, NotAccelerated
from precedent.vectors.engine.model_files import ModelFiles

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger(__name__)
# Raise it when the same weights would be converted otherwise.
CONVERSION_VERSION = "1"
MODEL = "model.xml"


def converted(files: ModelFiles, config: ModelConfig, cache: Path) -> Path:
    """The model's graph on disk; made now where it is missing, by one process at a time.

    A folder appears whole or not at all: a kill in the middle leaves nothing that looks done.

    Raises:
        NotAccelerated: the model cannot be exported, or there is no room for it.
    """
    folder = cache / f"{files.fingerprint}-{config.pooling}-float32-v{CONVERSION_VERSION}"
    if (folder / MODEL).is_file():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / f"{folder.name}.lock"):
            if not (folder / MODEL).is_file():
                _convert(files, config, folder)
    except OSError as error:
        raise NotAccelerated(f"its converted form cannot be kept in {cache}: {error.strerror or error}") from None
    return folder


def original(files: ModelFiles, device: str = "cpu") -> "SentenceTransformer":
    """The model as sentence-transformers runs it."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    return SentenceTransformer(str(files.folder), local_files_only=True, device=device)


def remember(folder: Path, name: str, value: dict[str, Any]) -> None:
    """Keep a small JSON document with a converted model."""
    path = folder / f"{name}.{uuid4().hex[:8]}"
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")
    path.replace(folder / name)


def recall(folder: Path, name: str) -> dict[str, Any] | None:
    """What `remember` kept, or None."""
    try:
        found: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _convert(files: ModelFiles, config: ModelConfig, folder: Path) -> None:
    import openvino as ov
    import torch

    logger.info("Converting %s for this machine, once.", files.name)
    transformer: Any = original(files)[0].auto_model
    module = _with_pooling(transformer.eval(), config.pooling)
    example = torch.ones(2, 8, dtype=torch.long)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every shape that it follows
            model = ov.convert_model(
                module,
                example_input=(example, example),
                input=[("ids", [-1, -1], ov.Type.i64), ("mask", [-1, -1], ov.Type.i64)],
            )
    except Exception as error:
        raise NotAccelerated(f"OpenVINO cannot convert it: {str(error).splitlines()[0][:200]}") from None
    building = folder.with_name(f"{folder.name}.{uuid4().hex[:8]}")
    try:
        building.mkdir()
        ov.save_model(model, building / MODEL, compress_to_fp16=False)
        building.replace(folder)
    except (OSError, RuntimeError) as error:  # OpenVINO says RuntimeError for a full disk
        shutil.rmtree(building, ignore_errors=True)
        raise NotAccelerated(f"its converted form cannot be written to {folder.parent}: {error}") from None


def _with_pooling(transformer: Any, pooling: str) -> Any:
    """The transformer with what sentence-transformers does after it, in one graph."""
    import torch

    class Pooled(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            states = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
            there = mask.unsqueeze(-1).to(states.dtype)
            if pooling == "cls":
                vector = states[:, 0]
            elif pooling == "max":
                vector = states.masked_fill(there == 0, -1e9).max(dim=1).values
            else:
                vector = (states * there).sum(dim=1) / there.sum(dim=1).clamp(min=1e-9)
            return torch.nn.functional.normalize(vector, p=2.0, dim=1)

    return Pooled().eval()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with its process."""
    with path.open("w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
