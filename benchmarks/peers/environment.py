"""The virtual environment of the peers: apart from Precedent's own, made again when its requirements change."""

import os
import sys
from pathlib import Path

from benchmarks.peers.runs import NotMeasuredError, measured
from precedent.settings import Settings

VARIABLE = "PRECEDENT_PEERS_PYTHON"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def given() -> Path | None:
    """The Python that the environment names; ends the program where that is no file."""
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_file():
        sys.exit(f"{VARIABLE} is {named}, which is no file: name the Python of an environment, or leave it unset.")
    return Path(named) if named else None


def folder() -> Path:
    """Where the benchmark makes the environment."""
    return Settings.from_environment().home / ".venv-peers"


def ready() -> bool:
    """Whether there is an environment with the present requirements."""
    installed = folder() / "installed.txt"
    return given() is not None or (installed.is_file() and installed.read_text() == REQUIREMENTS.read_text())


def python() -> Path:
    """The peers' Python; makes the environment, which takes minutes and the network, where there is none.

    Raises:
        NotMeasuredError: it cannot be made.
    """
    interpreter = given() or folder() / "bin" / "python"
    if not ready():
        measured([sys.executable, "-m", "venv", "--clear", str(folder())])
        install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        try:
            measured([*install, "--requirement", str(REQUIREMENTS)])
        except NotMeasuredError as error:
            raise NotMeasuredError(f"not installed: {error}") from None
        (folder() / "installed.txt").write_text(REQUIREMENTS.read_text())
    return interpreter
