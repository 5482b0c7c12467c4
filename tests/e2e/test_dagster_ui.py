"""A person at the Dagster UI: materialise one partition, backfill two, look at the quality check."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.browser import needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.e2e, needs_chromium]
SOURCES = ("first", "second")
ADD_PARTITION = """mutation { addDynamicPartition(partitionKey: "evil/evil", partitionsDefName: "source",
    repositorySelector: {repositoryLocationName: "precedent", repositoryName: "__repository__"}) { __typename } }"""
# What a page of another site can send: forms and fetches without asking first, a WebSocket.
ATTACK = """async ([site, mutation]) => {
    const url = site + "/graphql";
    const inUrl = url + "?query=" + encodeURIComponent(mutation);
    const plain = {method: "POST", mode: "no-cors", credentials: "include", headers: {"Content-Type": "text/plain"}};
    await fetch(inUrl, plain).catch(() => null);
    await fetch(inUrl, {mode: "no-cors"}).catch(() => null);
    await fetch(url, {...plain, body: JSON.stringify({query: mutation})}).catch(() => null);
    const read = await fetch(site + "/server_info").then(() => "read", () => "refused");
    const socket = await new Promise((done) => {
        const connection = new WebSocket(url.replace("http", "ws"), "graphql-ws");
        connection.onopen = () => done("open");
        connection.onerror = () => done("refused");
    });
    return {read, socket};
}"""


@dataclass(frozen=True)
class Site:
    url: str
    environment: dict[str, str]

    def query(self, text: str) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/graphql", json.dumps({"query": text}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.load(answer)["data"]
        return found

    def materialised(self, asset: str) -> set[str]:
        path = json.dumps(asset.split("/"))
        node = self.query(
            f"{{ assetNodeOrError(assetKey: {{path: {path}}}) {{ ... on AssetNode {{ assetPartitionStatuses "
            "{ ... on DefaultPartitionStatuses { materializedPartitions } } } } }"
        )["assetNodeOrError"]
        return set(node["assetPartitionStatuses"]["materializedPartitions"])


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return
        time.sleep(1)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("ui")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PRECEDENT_", "DAGSTER_"))}
    environment["PRECEDENT_HOME"] = str(folder / "home")
    command = [sys.executable, "-m", "orchestration.cli"]
    for name in SOURCES:
        records = folder / name
        records.mkdir()
        lines = [
            {
                "number": n,
                "title": f"{name} service loses messages, case {n}",
                "body": f"The queue drops batch {n}.",
                "created_at": "2025-05-01T00:00:00Z",
                "updated_at": "2025-05-01T00:00:00Z",
            }
            for n in range(1, 4)
        ]
        (records / "issues.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        subprocess.run([*command, "source", "add", name, str(records)], check=True, env=environment)
        # What this person does by hand the sensors would have done already.
        subprocess.run([*command, "source", "pause", name], check=True, env=environment)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        (folder / "up.log").open("wb") as log,
        subprocess.Popen([*command, "up", "--port", str(port)], env=environment, stdout=log, stderr=log) as server,
    ):
        found = Site(f"http://127.0.0.1:{port}", environment)
        try:
            wait_until(lambda: is_up(found), "the web server's start", 120)
            yield found
        finally:
            subprocess.run([*command, "down"], env=environment, check=False)
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)


def is_up(site: Site) -> bool:
    try:
        location = site.query("{ repositoriesOrError { __typename ... on RepositoryConnection { nodes { name } } } }")
    except OSError:
        return False
    return bool(location["repositoriesOrError"].get("nodes"))


def test_materialise_backfill_and_check(site: Site, page: "Page") -> None:
    assert site.materialised("raw/issues") == set()

    # One partition of the whole graph, from the lineage page.
    launch(page, site, "default/first")
    wait_until(lambda: site.materialised("incidents/recommendations") == {"default/first"}, "the materialisation")
    # Dagster keeps the state of each asset by itself, so that of an earlier asset can come later.
    wait_until(lambda: site.materialised("vectors/embeddings") == {"default/first"}, "the state of the embeddings")

    # A backfill of both.
    launch(page, site, None)
    both = {f"default/{name}" for name in SOURCES}
    wait_until(lambda: site.materialised("incidents/recommendations") == both, "the backfill", 300)
    wait_until(lambda: site.materialised("reports/vector_quality") == both, "the quality report")

    # The quality check, as the page of its asset shows it.
    page.goto(f"{site.url}/assets/reports/vector_quality?view=checks")
    page.get_by_text("quality_score").first.wait_for()
    page.get_by_text("Passed").first.wait_for()
    assert "blocking" in page.inner_text("body")

    # What was materialised here is found by the command line.
    command = [sys.executable, "-m", "orchestration.cli", "search", "queue drops messages", "--json"]
    done = subprocess.run(command, env=site.environment, capture_output=True, check=True)
    assert {result["source"] for result in json.loads(done.stdout)} == set(SOURCES)


def test_a_page_of_another_site_in_the_same_browser_changes_and_reads_nothing(site: Site, page: "Page") -> None:
    folder = Path(site.environment["PRECEDENT_HOME"]).parent / "other-site"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Another site</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        page.goto(f"http://127.0.0.1:{other.server_port}/")
        results = page.evaluate(ATTACK, [site.url, ADD_PARTITION])
        other.shutdown()
    assert results == {"read": "refused", "socket": "refused"}
    partitions = site.query(
        '{ assetNodeOrError(assetKey: {path: ["raw", "issues"]}) { ... on AssetNode { partitionKeys } } }'
    )["assetNodeOrError"]["partitionKeys"]
    assert set(partitions) == {f"default/{name}" for name in SOURCES}
    assert "evil/evil" not in partitions


def launch(page: "Page", site: Site, partition: str | None) -> None:
    page.goto(f"{site.url}/asset-groups")
    button = page.get_by_role("button", name="Materialize all")
    button.wait_for()
    button.click()
    dialog = page.get_by_role("dialog")
    if partition is None:
        dialog.get_by_role("button", name="All", exact=True).click()
    else:
        page.get_by_text("Select a partition").first.click()
        page.get_by_text(partition).locator("visible=true").last.click()
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Launch", exact=False).last.click()
    page.get_by_text("Launch runs to materialize").first.wait_for(state="hidden")
