"""New data flows by itself: nobody touches anything between a change on a server and its place in search."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.servers.jira import JiraServer
from tests.servers.statuspage import StatuspageServer

pytestmark = pytest.mark.e2e
COMMAND = [sys.executable, "-W", "ignore", "-m", "orchestration.cli"]
OUTAGE = {
    "id": "outage1",
    "name": "Checkout is down",
    "status": "resolved",
    "impact": "critical",
    "created_at": "2026-05-02T08:00:00Z",
    "updated_at": "2026-05-02T09:00:00Z",
    "incident_updates": [
        {
            "id": "u1",
            "status": "resolved",
            "body": "The connection pool of the database was exhausted.",
            "created_at": "2026-05-02T09:00:00Z",
        }
    ],
}


@dataclass
class Platform:
    environment: dict[str, str]
    jira: JiraServer
    page: StatuspageServer
    process: "subprocess.Popen[bytes]" = field(init=False)

    def json(self, *arguments: str) -> Any:
        done = subprocess.run(
            [*COMMAND, *arguments, "--json"], env=self.environment, capture_output=True, text=True, timeout=120
        )
        return json.loads(done.stdout) if done.returncode == 0 else None

    def found(self, words: str) -> list[str]:
        results = self.json("search", words, "--mode", "text")
        return [result["external_id"] for result in results or ()]

    def analysed(self, incident: str) -> bool:
        home = quote(f"{self.environment['PRECEDENT_HOME']}/postgres", safe="")
        with psycopg.connect(f"postgresql://postgres@/precedent?host={home}") as connection:
            row = connection.execute(
                "SELECT jsonb_array_length(recommendations) > 0 FROM analysis_runs "
                "WHERE external_id = %s AND dagster_run_id IS NOT NULL AND status = 'succeeded'",
                (incident,),
            ).fetchone()
        return bool(row and row[0])


def wait_until(condition: Callable[[], object], what: str, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(3)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRECEDENT_", "DAGSTER_"))}
    environment["PRECEDENT_HOME"] = str(tmp_path_factory.mktemp("flow") / "home")
    with JiraServer() as jira, StatuspageServer() as page:
        platform = Platform(environment, jira, page)
        for number in range(3):
            jira.add_issue(summary=f"Printer {number} is on fire", description="Smoke comes out of the paper tray.")
        assert platform.json("source", "add", "issues", jira.url, "--kind", "jira", "--project", "PRO")
        assert platform.json("source", "add", "status", page.url, "--kind", "statuspage")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        platform.process = subprocess.Popen(
            [*COMMAND, "up", "--port", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        yield platform
        subprocess.run([*COMMAND, "down"], env=environment, check=False, capture_output=True, timeout=60)
        platform.process.send_signal(signal.SIGTERM)
        platform.process.wait(timeout=60)


def test_a_change_on_a_server_is_found_and_an_incident_is_analysed_without_anyone_doing_anything(
    platform: Platform,
) -> None:
    wait_until(lambda: "PRO-2" in platform.found("printer fire"), "the first load of a new source")

    platform.jira.change_issue("PRO-2", summary="The scanner eats paper")
    platform.page.incidents.append(OUTAGE)

    wait_until(lambda: platform.found("scanner") == ["PRO-2"], "a changed issue in search")
    # Not by `recommend`, which would analyse it where nobody else has.
    wait_until(lambda: platform.analysed("outage1"), "a new incident's recommendation")
    states = {row["name"]: row["state"] for row in platform.json("source", "list")}
    assert states == {"issues": "ok", "status": "ok"}
