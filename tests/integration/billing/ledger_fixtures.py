"""A plugin: a tenant of the test's own, its ledger, and other processes that ask the same database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from precedent.database.session import Database
from precedent.providers.runtime.ledger import Ledger
from precedent.tenants import tenants as tenancy


@pytest.fixture
def tenant_id(database: Database) -> int:
    return tenancy.add(database, f"t-{uuid4().hex[:8]}")[0].id


@pytest.fixture
def ledger(database: Database, tenant_id: int) -> Iterator[Ledger]:
    ledger = Ledger(database, tenant_id)
    yield ledger
    ledger.close()


def child(home: Path, code: str, *arguments: object) -> "subprocess.Popen[str]":
    """A Python process that runs this code on the database of `home`; it is told and tells by lines."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PRECEDENT_HOME": str(home)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
