"""Fixtures: one embedded PostgreSQL for the whole session, a fresh home for each who asks."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.cli import run
from precedent.database.session import Database
from precedent.settings import Settings

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def folders_to_pass_through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let PostgreSQL's own user, which it has where root runs the tests, pass through the folders of tests."""
    make = tmp_path_factory.mktemp
    base = tmp_path_factory.getbasetemp()
    for folder in (base, *base.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)

    def mktemp(basename: str, numbered: bool = True) -> Path:
        folder = make(basename, numbered)
        folder.chmod(0o711)
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tmp_path_factory, "mktemp", mktemp)
        yield


@pytest.fixture(scope="session")
def platform_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with its own server, for the whole session; the server stops with it."""
    home = tmp_path_factory.mktemp("precedent") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("PRECEDENT_", "DAGSTER_", "OPENAI_")):
                patch.delenv(name)
        patch.setenv("PRECEDENT_HOME", str(home))
        yield home
        run(["down"])
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def database(platform_home: Path) -> Iterator[Database]:
    """The session's database as the application's role."""
    database = Database.open(Settings.from_environment())
    yield database
    database.close()


@pytest.fixture(scope="session")
def owner_dsn(database: Database) -> str:
    """The owner's connection string: for looking behind row-level security."""
    return database.endpoints.owner.render_as_string(hide_password=False)


@pytest.fixture
def precedent(platform_home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
