"""A loopback server of many sources in its own process: `python -m benchmarks.automation.sensor_servers KIND SOURCES`.

It prints its address. A line `change 3` changes what the fourth source holds, `asked` prints how many requests there
were; each line is answered by one. It ends with its input.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from precedent.testing.loopback import Request, Response
from tests.servers.github import GitHubServer
from tests.servers.jira import JiraServer
from tests.servers.statuspage import StatuspageServer

KINDS = ("jira", "github", "statuspage")


class Projects(JiraServer):
    """A project for each source."""

    def __init__(self, sources: int) -> None:
        super().__init__()
        self.keys = [self.add_issue(f"P{number}", summary="Printer is on fire") for number in range(sources)]

    def change(self, number: int) -> None:
        """Let a source hold something else."""
        self.change_issue(self.keys[number], summary="The scanner eats paper")


class Repositories(GitHubServer):
    """A repository for each source."""

    def __init__(self, sources: int) -> None:
        super().__init__()
        self.made = [self.add_repository(f"bench/r{number}") for number in range(sources)]
        for repository in self.made:
            repository.add_issue()
            repository.add_commit()

    def change(self, number: int) -> None:
        """Let a source hold something else."""
        self.made[number].add_issue("Another")


class Pages(StatuspageServer):
    """A page below a path of its own for each source."""

    def __init__(self, sources: int) -> None:
        super().__init__()
        self.of = [[self.incident(1)] for _ in range(sources)]

    def incident(self, number: int) -> dict[str, Any]:
        """One that is over."""
        at = f"2026-01-{number:02d}T08:00:00Z"
        return {
            "id": f"i{number}",
            "name": "API is slow",
            "status": "resolved",
            "impact": "minor",
            "created_at": at,
            "updated_at": at,
            "incident_updates": [],
        }

    def answer(self, asked: Request) -> Response:
        """What the page says that the path names."""
        _, number, path = asked.path.split("/", 2)
        self.incidents = self.of[int(number)]
        return super().answer(Request(asked.method, f"/{path}", asked.query, asked.headers, asked.body))

    def change(self, number: int) -> None:
        """Let a source hold something else."""
        self.of[number].append(self.incident(len(self.of[number]) + 1))


class Server:
    """Such a process, and what it is told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = self._line()

    def asked(self) -> int:
        """Requests so far."""
        return int(self._told("asked"))

    def change(self, number: int) -> None:
        """Change what a source holds."""
        self._told(f"change {number}")

    def _told(self, line: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            sys.exit("A loopback server of the benchmark has ended: run its module to see why.")
        return line


@contextmanager
def started(kind: str, sources: int) -> Iterator[Server]:
    """A server of this kind in a process of its own, which does not share the lock of this interpreter."""
    command = [sys.executable, "-W", "ignore", "-m", __spec__.name, kind, str(sources)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Server(process)


def serve(kind: str, sources: int) -> None:
    """Serve until the input ends."""
    server: Projects | Repositories | Pages
    match kind:
        case "jira":
            server = Projects(sources)
        case "github":
            server = Repositories(sources)
        case _:
            server = Pages(sources)
    with server:
        print(server.url, flush=True)
        for line in sys.stdin:
            word, _, number = line.strip().partition(" ")
            if word == "change":
                with server.lock:
                    server.change(int(number))
            print(len(server.requests), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
