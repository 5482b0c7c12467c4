"""`precedent up` and `down`: who may command the page, what ends with what, and what is started again."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e
COMMAND = [sys.executable, "-m", "orchestration.cli"]
LAUNCH = """mutation { launchRun(executionParams: {
    selector: {repositoryLocationName: "precedent", repositoryName: "__repository__", jobName: "maintenance"},
    runConfigData: {}, mode: "default"}) { __typename } }"""
WIPE = 'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["raw", "issues"]}}]) { __typename } }'
PARTITION = """mutation { addDynamicPartition(partitionKey: "evil/evil", partitionsDefName: "source",
    repositorySelector: {repositoryLocationName: "precedent", repositoryName: "__repository__"}) { __typename } }"""
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "precedent") { __typename } }'
READ = "{ runsOrError { __typename } }"
JSON = "application/json"
EVIL = "http://evil.example"


@dataclass
class Installation:
    """A home, and what runs in it."""

    folder: Path
    environment: dict[str, str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def record(self) -> Path:
        return Path(self.environment["PRECEDENT_HOME"]) / "up.json"

    def service(self, name: str) -> int:
        services = json.loads(self.record.read_text())["services"]
        return next(int(service["pid"]) for service in services if service["name"] == name)

    def processes(self) -> list[psutil.Process]:
        """Everything of this home, whoever its parent is."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                mine = process.environ().get("PRECEDENT_HOME") == self.environment["PRECEDENT_HOME"]
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def assert_all_ended(self) -> None:
        until = time.monotonic() + 20
        while self.processes() and time.monotonic() < until:
            time.sleep(0.3)
        assert [process.cmdline() for process in self.processes()] == []

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*COMMAND, *arguments], env=self.environment, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def said(self) -> str:
        return (self.folder / "up.out").read_text()

    @contextmanager
    def up(self, *options: str, ignore_interrupt: bool = False) -> Iterator["subprocess.Popen[bytes]"]:
        """`up` in the background, until it is ready; whatever is left of it is ended."""
        before = (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignore_interrupt else None
        with (self.folder / "up.out").open("wb") as out:
            up = subprocess.Popen(
                [*COMMAND, "up", "--port", str(self.port), *options],
                env=self.environment,
                stdout=out,
                stderr=out,
                preexec_fn=before,  # as a shell starts a command in the background
            )
        try:
            wait_until(lambda: "Ready: " in self.said() or up.poll() is not None, "the start")
            assert "Ready: " in self.said(), self.said()
            yield up
        finally:
            if up.poll() is None:
                up.terminate()
            up.wait(60)
            subprocess.run([*COMMAND, "down"], env=self.environment, capture_output=True, timeout=90, check=False)

    def ask(
        self, query: str = READ, *, headers: dict[str, str] | None = None, kind: str = JSON, in_url: bool = False
    ) -> tuple[int, str]:
        """Status and text of the answer to a POST."""
        target = f"{self.url}/graphql" + (f"?{urllib.parse.urlencode({'query': query})}" if in_url else "")
        body = b"" if in_url else json.dumps({"query": query}).encode()
        request = urllib.request.Request(target, body, {"Content-Type": kind, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def handshake(self, headers: dict[str, str]) -> str:
        """The first bytes of the answer to a WebSocket's handshake."""
        lines = {
            "Host": f"127.0.0.1:{self.port}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Protocol": "graphql-ws",
            **headers,
        }
        text = "GET /graphql HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(text.encode())
            return connection.recv(4096).decode("latin-1")


def wait_until(condition: Callable[[], object], what: str, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(0.3)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("up")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRECEDENT_", "DAGSTER_"))}
    environment["PRECEDENT_HOME"] = str(folder / "home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Installation(folder, environment, port)


def test_a_foreign_page_commands_and_reads_nothing_and_what_dies_is_started_again(installation: Installation) -> None:
    site = installation
    with site.up(ignore_interrupt=True) as up:
        # What a page of our own may do, so that the refusals below mean something.
        own = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
        for query in (RELOAD, PARTITION.replace("evil/evil", "default/own"), WIPE, LAUNCH):
            status, text = site.ask(query, headers=own)
            assert (status, "errors" in json.loads(text)) == (200, False), text
        assert "101 " in site.handshake({"Origin": site.url})

        foreign = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
        for query in (LAUNCH, WIPE, PARTITION, RELOAD, READ):
            for headers in (foreign, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
                status, text = site.ask(query, headers=headers)
                assert status == 403, (query, headers, text)
                assert text.endswith(".\n")
            assert site.ask(query, kind="text/plain")[0] == 415
            assert site.ask(query, kind="text/plain", in_url=True)[0] == 405
            assert site.ask(query, in_url=True)[0] == 405
            with pytest.raises(urllib.error.HTTPError, match="405"):
                urllib.request.urlopen(f"{site.url}/graphql?{urllib.parse.urlencode({'query': query})}", timeout=20)
        assert "403 " in site.handshake({"Origin": EVIL})
        assert "403 " in site.handshake({"Origin": EVIL, "Host": "evil.example"})
        assert stat.S_IMODE(Path(site.environment["PRECEDENT_HOME"]).stat().st_mode) & 0o067 == 0

        # Only the page listens, and nothing of Dagster beside it.
        listening = {
            connection.laddr.port
            for process in site.processes()
            for connection in process.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {site.port}

        for name in ("web server", "daemon", "code server"):
            killed = site.service(name)
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda name=name, killed=killed: site.service(name) != killed, f"a new {name}", 60)
            assert f"The {name} ended (signal 9): it is started again." in site.said()
        wait_until(lambda: answers(site), "the web server's answer")
        postmaster = Path(site.environment["PRECEDENT_HOME"]) / "postgres" / "postmaster.pid"
        os.kill(int(postmaster.read_text().splitlines()[0]), signal.SIGKILL)
        wait_until(lambda: "The database is back." in site.said(), "the database's return", 60)
        wait_until(lambda: answers(site), "an answer with the new database")

        begun = time.monotonic()
        up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0
        assert time.monotonic() - begun < 30
        site.assert_all_ended()
        lines = [line for line in site.said().splitlines() if line]
        assert len(lines) <= 10, lines
        assert lines[-1] == "Stopped."
        assert site.run("down") == "Nothing was running.\n"


def answers(site: Installation) -> bool:
    with suppress(OSError):
        return site.ask()[0] == 200
    return False


def test_an_interrupt_of_up_alone_leaves_no_process_and_a_killed_up_is_cleaned_up(installation: Installation) -> None:
    site = installation
    with site.up("--login") as up:
        link = next(word for word in site.said().split() if "/login?token=" in word)
        assert site.ask()[0] == 401
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["token"][0]
        assert site.ask(headers={"Authorization": f"Bearer {token}"})[0] == 200
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
        site.assert_all_ended()

    with site.up() as up:
        up.kill()
        up.wait()
        assert site.processes()
        with site.up():
            assert "An earlier `up` was killed" in site.said()
            assert answers(site)

    with site.up() as up:
        up.kill()
        up.wait()
        assert site.run("down") == "Stopped: Dagster's web page and daemon and the database.\n"
        assert not site.processes()


def test_an_address_beyond_this_machine_needs_a_login(installation: Installation) -> None:
    refused = subprocess.run(
        [*COMMAND, "up", "--host", "192.0.2.1"],
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2
    assert "add --login" in refused.stderr
    assert not installation.processes()
