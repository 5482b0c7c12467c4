"""What a sentence-transformers model does between its tokens and its vector, read from its own files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Tokenizers without a limit claim 10 ** 30.
LONGEST_WINDOW = 1_000_000
POOLINGS = ("mean", "cls", "max")
OLD_NAMES = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens"}


class NotAccelerated(Exception):
    """Why a model is left to sentence-transformers."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """How a model's token vectors become one; the vector's length is always made 1.

    Attributes:
        pooling: `mean`, `cls` or `max`.
        window: The longest text in tokens, special tokens included.
    """

    pooling: str
    window: int


def read(folder: Path) -> ModelConfig:
    """The configuration of a model that the engine can run itself.

    Raises:
        NotAccelerated: it does something that the engine does not.
    """
    modules = _json(folder / "modules.json")
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise NotAccelerated(f"its modules are {', '.join(kinds)}")
    settings = _json(folder / "sentence_bert_config.json")
    if settings.get("do_lower_case"):
        raise NotAccelerated("it lowers its texts before the tokenizer sees them")
    read_as = settings.get("modality_config", {"text": {"method_output_name": "last_hidden_state"}})
    if [*read_as] != ["text"] or read_as["text"].get("method_output_name") != "last_hidden_state":
        raise NotAccelerated(f"it reads {', '.join(read_as)} in a way of its own")
    extras = folder / "config_sentence_transformers.json"
    if extras.is_file() and _json(extras).get("default_prompt_name"):
        raise NotAccelerated("it puts a prompt before every text")
    if not (folder / "tokenizer.json").is_file():
        raise NotAccelerated("it has no tokenizer.json")
    return ModelConfig(_pooling(_json(folder / modules[1]["path"] / "config.json")), window_of(folder))


def window_of(folder: Path) -> int:
    """The longest text of a model in tokens, special tokens included.

    Raises:
        NotAccelerated: none of its files says so.
    """
    settings, limit = _json(folder / "sentence_bert_config.json"), None
    # Up to sentence-transformers 5 the window stood here, since then with the tokenizer.
    said = settings.get("max_seq_length")
    if said is None and (folder / "tokenizer_config.json").is_file():
        said = _json(folder / "tokenizer_config.json").get("model_max_length")
    if (folder / "config.json").is_file():
        limit = _json(folder / "config.json").get("max_position_embeddings")
    known = [int(value) for value in (said, limit) if value and value < LONGEST_WINDOW]
    if not known:
        raise NotAccelerated("none of its files says how long a text it reads")
    return min(known)


def _pooling(settings: dict[str, Any]) -> str:
    named = settings.get("pooling_mode")
    chosen = [named] if named else [name for name, flag in OLD_NAMES.items() if settings.get(flag)]
    others = [name for name, value in settings.items() if name.startswith("pooling_mode_") and value is True]
    if len(chosen) != 1 or chosen[0] not in POOLINGS or (not named and len(others) != 1):
        raise NotAccelerated(f"it pools by {', '.join(str(name) for name in (chosen or others)) or 'nothing known'}")
    return str(chosen[0])


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotAccelerated(f"{path.name} cannot be read: {error}") from None
