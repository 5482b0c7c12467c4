"""The home of a real installation of revision 0004, upgraded: `PRECEDENT_TEST_DUMP=/path/to/home` (stopped)."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from precedent.database.embedded import EmbeddedServer
from precedent.database.session import Database
from precedent.database.version import expected_version, version_of
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from tests.upgrade.databases import contents

DUMP = os.environ.get("PRECEDENT_TEST_DUMP")

pytestmark = pytest.mark.skipif(DUMP is None, reason="PRECEDENT_TEST_DUMP names no home")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A copy of the home, with the owners of its files."""
    copy = tmp_path / "home"
    subprocess.run(["cp", "-a", str(DUMP), str(copy)], check=True)
    yield copy
    EmbeddedServer(copy).stop()
    shutil.rmtree(copy)


def test_a_real_installation_keeps_every_row(home: Path) -> None:
    server = EmbeddedServer(home)
    server.acquire()
    before = contents(server.url("precedent"))
    assert sum(count for count, _ in before.values()) > 0
    database = Database.open(Settings(home=home))
    try:
        with database.engine.connect() as connection:
            assert version_of(connection) == expected_version()
        assert contents(server.url("precedent")) == before
        for tenant in tenancy.list(database):
            with database.bulk(tenant.id) as bulk:
                found = bulk.execute("SELECT DISTINCT tenant_id FROM documents").fetchall()
            assert found in ([(tenant.id,)], [])
    finally:
        database.close()
        server.release()
