"""Hostile records from files and a server into PostgreSQL, by the command in a process of its own, in bounded memory.

`PRECEDENT_TEST_HOSTILE=10000` sets how many records, `PRECEDENT_TEST_BOMB_MB=200` how large each bomb is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from precedent.testing.loopback import Response
from tests.integration.conftest import issue, write_lines
from tests.servers.jira import JiraServer
from tests.unit.sources.hostile import write_bombs, write_hostile

Call = Callable[..., tuple[int, str, str]]
COUNT = int(os.environ.get("PRECEDENT_TEST_HOSTILE", "400"))
BOMB_MB = int(os.environ.get("PRECEDENT_TEST_BOMB_MB", "10"))
LARGEST_MB, LARGEST_WITH_BOMBS_MB = 400, 2_000
# The peak of this program alone: what `getrusage` says counts the process that started it.
RUN = """
import sys
from orchestration.cli import run
code = run(sys.argv[1:])
(peak,) = (int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(f"peak {peak}", file=sys.stderr)
sys.exit(code)
"""


def peak_of(*arguments: object) -> int:
    """The most memory of a command, in MB; it must succeed."""
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3_000)
    assert done.returncode == 0, done.stderr[-2_000:]
    return int(done.stderr.split("peak ")[-1])


@pytest.fixture(scope="module")
def ready(platform_home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A machine that has converted the embedding model, which is done once and takes a gigabyte by itself."""
    folder = tmp_path_factory.mktemp("first")
    write_lines(folder / "issues.jsonl", [issue(1, "First", "Body")])
    peak_of("source", "add", "default/first", folder)
    peak_of("refresh", "default/first", "--select", "raw", "--select", "text", "--json")


def loaded(owner_dsn: str, key: str) -> tuple[list[str], list[str], int]:
    """The ids of a source's records, those of its documents, and how many rejections say what and why."""
    tenant, _, name = key.partition("/")
    source = "(SELECT i.id FROM integrations i JOIN tenants t ON t.id = i.tenant_id WHERE t.name = %s AND i.name = %s)"
    with psycopg.connect(owner_dsn) as connection:

        def column(statement: str) -> list[Any]:
            return [row[0] for row in connection.execute(f"{statement} {source} ORDER BY 1", (tenant, name))]

        records = column("SELECT external_id FROM raw_items WHERE deleted_at IS NULL AND source_id =")
        texts = column("SELECT external_id FROM documents WHERE source_id =")
        rejected = column("SELECT detail FROM rejected_records WHERE reason <> '' AND detail <> '' AND source_id =")
    return records, texts, len(rejected)


@pytest.mark.usefixtures("ready")
def test_hostile_records_are_loaded_or_accounted_for_in_bounded_memory(
    precedent: Call, tenant: str, tmp_path: Path, owner_dsn: str
) -> None:
    written = write_hostile(tmp_path, COUNT, seed=5)
    key = f"{tenant}/hostile"
    assert precedent("source", "add", key, tmp_path)[0] == 0
    peak = peak_of("refresh", key, "--select", "raw", "--select", "text", "--json")
    records, texts, rejected = loaded(owner_dsn, key)
    assert records == texts
    assert set(records) == written.sound
    assert len(records) == len(written.sound)
    assert rejected == written.poisoned
    assert peak < LARGEST_MB


@pytest.mark.usefixtures("ready")
def test_files_made_to_fill_memory_are_rejected_and_the_others_loaded(
    precedent: Call, tenant: str, tmp_path: Path, owner_dsn: str
) -> None:
    written = write_hostile(tmp_path, 50, seed=6)
    bombs = write_bombs(tmp_path, BOMB_MB)
    key = f"{tenant}/bombs"
    assert precedent("source", "add", key, tmp_path)[0] == 0
    peak = peak_of("refresh", key, "--select", "raw", "--select", "text", "--json")
    records, texts, rejected = loaded(owner_dsn, key)
    assert records == texts
    assert set(records) == written.sound
    assert rejected == written.poisoned + bombs
    assert peak < LARGEST_WITH_BOMBS_MB


@pytest.fixture
def jira() -> Iterator[JiraServer]:
    with JiraServer() as server:
        for number in range(5):
            server.add_issue(summary=f"Printer {number} is on fire", description="Smoke comes out.")
        yield server


@pytest.mark.usefixtures("ready")
def test_answers_made_to_fill_memory_cost_nothing_that_is_stored(
    precedent: Call, tenant: str, jira: JiraServer, owner_dsn: str
) -> None:
    key = f"{tenant}/issues"
    assert precedent("source", "add", key, jira.url, "--kind", "jira", "--project", "PRO")[0] == 0
    refresh = ("refresh", key, "--select", "raw", "--select", "text", "--json")
    assert precedent(*refresh)[0] == 0
    size = BOMB_MB << 20
    for answer in (b"[" * size, b'{"issues": ["' + b"x" * size + b'"]}', None):
        jira.faults.clear()
        if answer is None:
            jira.fail("bomb", times=1_000, size=size * 20)
        else:
            jira.fail("status", times=1_000, response=Response(answer))
        assert peak_of(*refresh) < LARGEST_WITH_BOMBS_MB
        assert len(loaded(owner_dsn, key)[0]) == 5
        (row,) = json.loads(precedent("source", "list", "--tenant", tenant, "--json")[1])
        assert row["state"] != "ok"
        assert row["reason"]
