"""`kill -9` in the middle of embedding, then `refresh`: complete, and at most one commit's work done twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.integration.conftest import issue, write_lines

Call = Callable[..., tuple[int, str, str]]
# Long texts make small shards: several commits before and after the kill.
WORDS = "connection pool exhausted while the label renderer waits for a certificate of the carrier gateway "
ISSUES = 900


def vectors(owner_dsn: str, tenant: str) -> int:
    with psycopg.connect(owner_dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM embeddings e JOIN tenants t ON t.id = e.tenant_id WHERE t.name = %s", (tenant,)
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_kill_while_embedding_loses_and_doubles_nothing(
    precedent: Call, tenant: str, owner_dsn: str, tmp_path: Path, platform_home: Path
) -> None:
    records = [issue(n, f"Incident report {n}", f"Case {n}: " + WORDS * 12) for n in range(1, ISSUES + 1)]
    write_lines(tmp_path / "issues.jsonl", records)
    key = f"{tenant}/many"
    assert precedent("source", "add", key, tmp_path / "issues.jsonl")[0] == 0

    command = [sys.executable, "-m", "orchestration.cli", "refresh", key]
    environment = {**os.environ, "PRECEDENT_HOME": str(platform_home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        until = time.monotonic() + 180
        while vectors(owner_dsn, tenant) == 0 and time.monotonic() < until:
            time.sleep(0.05)
        run.kill()
    time.sleep(0.5)  # the server notices the lost connection and rolls back
    survived = vectors(owner_dsn, tenant)
    assert 0 < survived < ISSUES

    code, out, error = precedent("refresh", key, "--json")
    assert code == 0, error
    outcome = json.loads(out)
    assert all(outcome["checks"].values())
    # Whatever was committed before the kill is not embedded again: the rest and nothing more.
    assert outcome["layers"]["vectors/embeddings"]["rows/added"] == ISSUES - survived
    assert vectors(owner_dsn, tenant) == ISSUES
