"""Where a model's files come from, and what becomes of a name that leads nowhere."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from precedent.errors import ModelError
from precedent.settings import Settings
from precedent.vectors.engine.model_files import DEFAULT_MODEL, ModelFiles, resolve


def hub(cache: Path, name: str, files: ModelFiles) -> None:
    """A local cache of the hub as its own library writes it."""
    folder = cache / f"models--{name.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit, encoding="utf-8")
    shutil.copytree(files.folder, folder / "snapshots" / commit)


@pytest.fixture
def cached_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def test_the_order_is_path_setting_package_cache(
    tiny: Callable[..., ModelFiles], packaged: ModelFiles, cached_hub: Path, tmp_path: Path
) -> None:
    own, configured = tiny("cls"), tiny("max")
    settings = Settings(tmp_path, model_path=configured.folder)
    assert resolve(settings, "anything", own.folder).folder == own.folder
    assert resolve(settings, "anything").folder == configured.folder
    assert resolve(Settings(tmp_path)) == packaged
    assert resolve(Settings(tmp_path), f"sentence-transformers/{DEFAULT_MODEL}") == packaged
    hub(cached_hub, "team/tiny", own)
    hub(cached_hub, "sentence-transformers/tiny-two", configured)
    found = resolve(Settings(tmp_path), "team/tiny")
    assert (found.name, found.fingerprint) == ("tiny", own.fingerprint)
    assert resolve(Settings(tmp_path), "tiny-two").fingerprint == configured.fingerprint


def test_a_model_that_is_nowhere_is_one_sentence(cached_hub: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither packaged nor in the local cache of the hub") as raised:
        resolve(Settings(tmp_path), "nobody/nothing")
    assert "\n" not in str(raised.value)


def test_the_same_weights_with_another_pooling_are_another_model(
    tiny: Callable[..., ModelFiles], tmp_path: Path
) -> None:
    one = tiny("mean")
    other = tmp_path / "other"
    shutil.copytree(one.folder, other)
    config = other / "1_Pooling" / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"mean"', '"cls"'), encoding="utf-8")
    assert resolve(Settings(tmp_path), path=other).fingerprint != one.fingerprint
