"""A person at the hub: signs in by the link of the first start, and reads every page in both themes and widths."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from precedent.database.embedded import EmbeddedServer
from tests.e2e.browser import needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.e2e, needs_chromium]
PATHS = (
    "",
    "/incidents",
    "/incident?id=inc1&source=records",
    "/search?q=connection+pool",
    "/item?id=harbor%2Fplatform%231&source=records",
    "/sources",
    "/sources/records",
    "/providers",
    "/usage",
    "/members",
    "/tokens",
    "/audit",
)
ISSUES = [
    ("Checkout fails when the connection pool is exhausted", "PostgreSQL refuses new connections after midnight."),
    ("Label renderer is killed by the kernel", "OOMKilled: the PDF cache keeps every page of a manifest in memory."),
]
BEFORE = "2025-12-01T08:00:00Z"
DAY = "2026-01-01T08:00:00Z"


@dataclass
class Hub:
    """A hub that runs, and the link that it has printed."""

    url: str
    link: str
    state: Any = None
    faults: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    records = folder / "records"
    records.mkdir()
    write_records(records)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRECEDENT_", "DAGSTER_"))}
    environment["PRECEDENT_HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "orchestration.cli"]
    for arguments in (["source", "add", "records", str(records)], ["refresh", "records"]):
        subprocess.run([*command, *arguments], check=True, env=environment, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "hub.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "hub", "--port", str(port)], env=environment, stdout=output, stderr=output
        ) as server,
    ):
        try:
            yield Hub(f"http://127.0.0.1:{port}", printed_link(log))
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(timeout=60)
    assert (ended, log.read_text().splitlines()[-1]) == (0, "Stopped.")
    assert not EmbeddedServer(folder / "home").is_running()


def write_records(folder: Path) -> None:
    issues = [
        {
            "number": number,
            "url": f"https://api.github.com/repos/harbor/platform/issues/{number}",
            "title": title,
            "body": body,
            "created_at": BEFORE,
            "updated_at": BEFORE,
        }
        for number, (title, body) in enumerate(ISSUES, start=1)
    ]
    update = {"id": "u1", "status": "investigating", "body": "connection pool exhausted", "created_at": DAY}
    trouble = {"id": "inc1", "name": "Checkout errors", "status": "investigating", "impact": "major"}
    trouble |= {"created_at": DAY, "updated_at": DAY, "incident_updates": [update], "components": []}
    (folder / "issues.jsonl").write_text("".join(json.dumps(line) + "\n" for line in issues))
    (folder / "incidents.jsonl").write_text(json.dumps(trouble) + "\n")


def printed_link(log: Path) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        lines = [line for line in log.read_text().splitlines() if "/sign-in?link=" in line]
        if lines:
            return lines[0].split()[-1]
        time.sleep(0.2)
    pytest.fail(f"The hub has printed no link: {log.read_text()[-500:]}")


def watched(hub: Hub, context: "BrowserContext") -> "BrowserContext":
    """The context, whose errors and requests to other servers are faults."""
    context.on("console", lambda message: hub.faults.append(message.text))
    context.on("weberror", lambda error: hub.faults.append(str(error.error)))
    context.on("request", lambda request: None if request.url.startswith(hub.url) else hub.faults.append(request.url))
    return context


def test_the_first_administrator_signs_in_by_the_link(hub: Hub, browser: "Browser") -> None:
    context = watched(hub, browser.new_context())
    page = context.new_page()
    page.goto(hub.url)
    assert page.url.endswith("/sign-in")
    page.goto(hub.link)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/t/default")
    assert "Checkout errors" in page.inner_text("main")
    hub.state = context.storage_state()
    again = browser.new_context().new_page()
    again.goto(hub.link)
    again.get_by_role("main").get_by_role("button", name="Sign in").click()
    assert "used before" in again.inner_text("main")
    assert hub.faults == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_is_readable_for_everybody(
    hub: Hub, browser: "Browser", theme: Literal["light", "dark"], width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # axe is put into the page as a script, which the page's policy would refuse.
    context = browser.new_context(
        storage_state=hub.state, color_scheme=theme, viewport={"width": width, "height": 800}, bypass_csp=True
    )
    page = watched(hub, context).new_page()
    for path in PATHS:
        page.goto(f"{hub.url}/t/default{path}")
        violations = Axe().run(page).response["violations"]
        assert [(found["id"], found["nodes"][0]["target"]) for found in violations] == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    assert hub.faults == []


def test_the_keyboard_alone_finds_an_incident_and_its_advice(hub: Hub, browser: "Browser") -> None:
    page = watched(hub, browser.new_context(storage_state=hub.state)).new_page()
    page.goto(f"{hub.url}/t/default")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/incident?**")
    page.get_by_role("button", name="Analyse it again").press("Enter")
    page.get_by_role("heading", name="What it rests on").wait_for()
    assert hub.faults == []
