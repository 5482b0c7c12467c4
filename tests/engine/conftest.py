"""Model folders: the packaged one, and tiny ones of random weights with other recipes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from precedent.settings import Settings
from precedent.vectors.engine.model_files import ModelFiles, resolve


@pytest.fixture(scope="session")
def packaged() -> ModelFiles:
    return resolve(Settings(Path("unused")))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted models, once for the session."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def tiny(packaged: ModelFiles, tmp_path: Path) -> Callable[..., ModelFiles]:
    """A model of two layers: how it pools, and what comes after, is the test's to say."""

    def make(
        pooling: str = "mean", *, dense: bool = False, width: int = 32, lower: bool = False, seed: int = 1
    ) -> ModelFiles:
        import torch
        from sentence_transformers import SentenceTransformer, models
        from transformers import AutoTokenizer, BertConfig, BertModel

        torch.manual_seed(seed)
        source = tmp_path / f"bert-{pooling}-{seed}"
        config = BertConfig(
            vocab_size=30522, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
        BertModel(config).save_pretrained(source)
        AutoTokenizer.from_pretrained(packaged.folder).save_pretrained(source)
        parts: list[Any] = [models.Transformer(str(source), max_seq_length=64)]
        parts.append(models.Pooling(32, pooling_mode=pooling))
        if dense:
            parts.append(models.Dense(32, width))
        folder = tmp_path / f"tiny-{pooling}-{dense}-{lower}-{seed}"
        SentenceTransformer(modules=[*parts, models.Normalize()], device="cpu").save(str(folder))
        shutil.copy(source / "tokenizer.json", folder / "tokenizer.json")
        return resolve(Settings(tmp_path), path=folder)

    return make
