"""What stands on the command line or in the environment and cannot be meant is refused with a sentence."""

import pytest

from orchestration.cli import run
from precedent.errors import UsageError
from precedent.settings import Settings


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["source", "list", "--tenant", "a\udcffb"], "not UTF-8"),
        (["tenant", "add", "", "a\ud83db"], "not UTF-8"),
        (["source", "add", "default/x", "~no-such-user-anywhere/x"], "no path of this machine"),
    ],
)
def test_arguments_are_refused_with_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Unexpected" not in error
    assert error.encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRECEDENT_MAX_BODY_BYTES", "²"),
        ("PRECEDENT_MAX_BODY_BYTES", "9" * 5_000),
        ("PRECEDENT_MAX_BODY_BYTES", "0"),
        ("PRECEDENT_HOME", "~no-such-user-anywhere"),
        ("PRECEDENT_MODEL_PATH", "~no-such-user-anywhere"),
    ],
)
def test_the_environment_is_refused_with_a_sentence(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=name) as caught:
        Settings.from_environment()
    assert len(str(caught.value)) < 300
