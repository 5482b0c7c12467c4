"""The database dies under a command, or before it: one sentence, or a start of its own; never a library's words."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from precedent.database.session import Database
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire
from precedent.testing.loopback import Request
from tests.chaos.speech import badly_said
from tests.integration.calls.test_kept_work import add
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
LAYERS = ("--select", "raw", "--select", "text", "--select", "vectors")
READING = (("source", "list"), ("usage",), ("search", "certificate"), ("space", "list"))


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire(), answer=RECOMMENDATION) as running:
        yield running


def kill_postmaster(home: Path) -> None:
    os.kill(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)


@pytest.mark.parametrize("victim", ["postmaster", "backend"])
def test_a_refresh_whose_database_dies_says_so_in_one_sentence_and_goes_on_when_asked_again(
    precedent: Call,
    database: Database,
    tenant: str,
    server: LoopbackServer,
    archive: Path,
    platform_home: Path,
    victim: str,
) -> None:
    key = f"{tenant}/records"
    assert precedent("source", "add", key, archive)[0] == 0
    add(database, tenant, server, "embedding", "text-embedding-3-small", options={"dimensions": 8})

    def kill(_: Request) -> None:
        server.before = lambda _: None
        if victim == "postmaster":
            kill_postmaster(platform_home)
        else:
            with database.session() as session:
                connection = session.connection().connection.driver_connection
                assert connection is not None
                os.kill(connection.info.backend_pid, signal.SIGKILL)

    server.before = kill
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "refresh", key, *LAYERS],
        env={**os.environ, "PRECEDENT_HOME": str(platform_home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert badly_said(done.stderr) == []
    assert "cannot be reached: check that it runs, then try again" in done.stderr
    code, _, error = precedent("refresh", key, *LAYERS)
    assert code == 0, error


def test_a_command_after_the_kill_starts_the_database_again(
    precedent: Call, tenant: str, archive: Path, platform_home: Path
) -> None:
    key = f"{tenant}/records"
    assert precedent("source", "add", key, archive)[0] == 0
    assert precedent("refresh", key, *LAYERS)[0] == 0
    for arguments in READING:
        kill_postmaster(platform_home)
        code, out, error = precedent(*arguments, "--tenant", tenant)
        assert (code, error) == (0, ""), arguments
        assert out
