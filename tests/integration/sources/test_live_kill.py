"""A sync that is killed again and again, at random moments, ends with what one that was left alone has."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.tenants import tenants as tenancy
from precedent.testing.loopback import Request
from tests.conftest import DATA
from tests.servers.github import GitHubServer
from tests.servers.github_repository import load_records

KILLS = 20
# One sync of the source that is named, in a process that can be killed.
PROGRAM = """
import sys
from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.sources.sync.live import Sync
database = Database.open()
source = catalog.get(database, sys.argv[1])
with database.bulk(source.tenant_id) as connection:
    report = Sync(connection, source.tenant_id, source.id, catalog.opened(source)).run()
print(report.state, report.pages, flush=True)
"""
ITEMS = """
SELECT kind, external_id, encode(payload_hash, 'hex') FROM raw_items
WHERE source_id = %s AND deleted_at IS NULL ORDER BY 1, 2
"""


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    if not (DATA / "github").exists():
        pytest.skip("the shared records are not here")
    with GitHubServer() as server:
        load_records(server.repository, DATA / "github")
        yield server


def started(key: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", PROGRAM, key], stdout=subprocess.PIPE, text=True)


def added(database: Database, tenant: str, name: str, server: GitHubServer) -> catalog.SourceRow:
    values = {"repository": server.repository.name, "base_url": server.api}
    return catalog.add(database, tenant, name, "github", values)


@pytest.mark.records
def test_a_sync_killed_at_twenty_random_points_loses_and_duplicates_nothing(
    database: Database, owner_dsn: str, github: GitHubServer, platform_home: Path
) -> None:
    tenant = f"t-{uuid4().hex[:8]}"
    tenancy.add(database, tenant)
    whole = added(database, tenant, "whole", github)
    assert started(whole.key).communicate()[0].startswith("ok")
    requests = len(github.requests)
    killed = added(database, tenant, "killed", github)
    dice = random.Random(20261121)  # noqa: S311 - the same points in every run
    survived = 0
    for _ in range(KILLS):
        # Somewhere within the twentieth of the work that this process is about to do, in or between two requests.
        process = started(killed.key)
        left = dice.randint(1, max(2, requests // KILLS))
        delay = dice.choice((0.0, 0.0, 0.003, 0.02))

        def strike(_: Request, process: "subprocess.Popen[str]" = process, delay: float = delay) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                threading.Timer(delay, os.kill, (process.pid, signal.SIGKILL)).start()

        github.before = strike
        process.communicate()
        survived += process.returncode == 0
    github.before = lambda _: None
    assert survived < KILLS / 2, "most of the processes were to be killed"
    assert started(killed.key).communicate()[0].startswith("ok")
    with psycopg.connect(owner_dsn) as connection:
        expected = connection.execute(ITEMS, (whole.id,)).fetchall()
        found = connection.execute(ITEMS, (killed.id,)).fetchall()
    assert len(expected) > 10_000
    assert found == expected
