"""When Qdrant is slow, down, killed or hostile: nothing is lost, nothing leaks, and search goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psycopg
import pytest
from cryptography.fernet import Fernet

from precedent.database.session import Database
from precedent.qdrant.errors import StoreError, StoreFault
from precedent.vector_stores import mirror, nearest
from tests.integration.database.test_leaks import MARK, assert_nothing_leaked
from tests.integration.qdrant.qdrant_tenants import ISSUES, Call, Filled, close_servers
from tests.integration.qdrant.qdrant_wire import Fault, QdrantWire, waiting

pytest_plugins = ["tests.integration.qdrant.qdrant_tenants"]
KEY = f"{MARK}-qdrant-0123456789abcdef"
MIRROR = """
import sys
from precedent.database.session import Database
from precedent.settings import Settings
from precedent.sources import repository as sources
from precedent.vector_stores import mirror, repository
mirror.BATCH, mirror.GROUP = 2, 4
settings = Settings.from_environment()
database = Database.open(settings)
source = sources.get(database, sys.argv[1])
store = repository.active(database, source.tenant_id)
mirror.mirror(database, settings, store, source, lambda rows: None)
"""


@pytest.fixture
def wire() -> Iterator[QdrantWire]:
    with QdrantWire(KEY) as running:
        yield running


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "BATCH", 2)
    monkeypatch.setattr(mirror, "GROUP", 4)


def marked(owner_dsn: str, store_id: int) -> int:
    with psycopg.connect(owner_dsn) as connection:
        row = connection.execute("SELECT count(*) FROM vector_store_rows WHERE store_id = %s", (store_id,)).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/points", 429, times=2, headers={"retry-after": "0"}),
        Fault("/points", 429, times=2),
        Fault("/points", 503, times=3),
        Fault("/points", 500, times=2, skip=2),
        Fault("PUT", cut=True, times=2),
    ],
    ids=["limited", "limited-without-words", "unavailable", "internal", "cut"],
)
@pytest.mark.usefixtures("small_groups")
def test_what_passes_is_tried_again(settled: Filled, wire: QdrantWire, fault: Fault) -> None:
    settled.use(wire.url, key=KEY)
    wire.faults = [fault]
    (found,) = settled.mirror()
    assert fault.times == 0
    assert (found.work.added, found.ready) == (ISSUES, True)
    assert settled.collection().count() == ISSUES


def test_what_does_not_pass_is_not_tried_again(settled: Filled, wire: QdrantWire) -> None:
    settled.use(wire.url, key=KEY)
    wire.faults = [Fault("/points/count", 400, times=9)]
    with pytest.raises(StoreError, match="does not take the request") as caught:
        settled.mirror()
    assert caught.value.fault is StoreFault.INVALID
    assert len(wire.calls("/points/count")) == 1


@pytest.mark.usefixtures("small_groups")
def test_a_failure_in_the_middle_keeps_what_was_written_and_the_next_run_finishes(
    settled: Filled, wire: QdrantWire, owner_dsn: str
) -> None:
    settled.use(wire.url, key=KEY)
    wire.faults = [Fault("/points", 503, times=99, skip=8)]
    with pytest.raises(StoreError, match="fails"):
        settled.mirror()
    kept = marked(owner_dsn, settled.store.id)
    assert 0 < kept < ISSUES
    assert "brought up to date" in (settled.ask(np.ones(384, dtype=np.float32)).reason or "")
    wire.faults = []
    (found,) = settled.mirror()
    # A batch may have arrived that was not written down: it is written once more, and no other.
    assert found.work.added + found.work.changed <= ISSUES - kept
    assert found.work.unchanged == kept
    assert (found.ready, settled.collection().count()) == (True, ISSUES)


def test_a_killed_run_is_finished_by_the_next(
    settled: Filled, wire: QdrantWire, owner_dsn: str, platform_home: Path
) -> None:
    settled.use(wire.url, key=KEY)
    wire.faults = [Fault("/points", 0, times=99, delay_s=0.05)]
    environment = {**os.environ, "PRECEDENT_HOME": str(platform_home)}
    command = [sys.executable, "-c", MIRROR, settled.key]
    with subprocess.Popen(command, env=environment) as run:
        assert waiting(lambda: marked(owner_dsn, settled.store.id) > 0)
        run.kill()
    assert waiting(lambda: not holders(owner_dsn, settled.store.id))
    kept = marked(owner_dsn, settled.store.id)
    assert 0 < kept < ISSUES
    assert settled.ask(np.ones(384, dtype=np.float32)).hits is None
    wire.faults = []
    (found,) = settled.mirror()
    assert found.work.unchanged == kept
    assert (found.ready, settled.collection().count()) == (True, ISSUES)


def holders(owner_dsn: str, store_id: int) -> int:
    """Sessions that still hold the store's lock: the server takes a moment to miss a killed client."""
    with psycopg.connect(owner_dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", (store_id,)
        ).fetchone()
    return int(row[0]) if row else 0


def test_a_server_that_is_down_fails_the_run_with_a_sentence_and_search_goes_on(settled: Filled) -> None:
    with QdrantWire(KEY) as wire:
        settled.use(wire.url, key=KEY)
        settled.mirror()
        assert settled.ask(np.ones(384, dtype=np.float32)).hits
    close_servers()
    answer = settled.refresh("vectors", code=1)
    assert answer["error"].startswith(f"The vector store {settled.store.name} at {wire.url} cannot be reached")
    assert answer["layers"]["vectors/embeddings"]["rows/unchanged"] == ISSUES
    assert "vectors/qdrant_index" not in answer["layers"]
    assert KEY not in str(answer)
    first = settled.ask(np.ones(384, dtype=np.float32))
    assert first.hits is None
    assert "cannot be reached" in (first.reason or "")


def test_a_search_waits_for_a_store_that_is_down_only_once(
    settled: Filled, wire: QdrantWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("precedent.qdrant.client.SEARCH_TIMEOUT_S", 1)
    settled.use(wire.url, key=KEY)
    settled.mirror()
    wire.faults = [Fault("/points/query", 0, times=9, delay_s=3)]
    for asked in (1, 1):
        began = time.monotonic()
        answer = settled.ask(np.ones(384, dtype=np.float32))
        assert time.monotonic() - began < 2.5
        assert answer.hits is None
        assert "ReadTimeout" in (answer.reason or "")
        assert len(wire.calls("/points/query")) == asked + 20  # 20 for the recall of the sample
    monkeypatch.setattr(nearest, "PAUSE_S", 0.0)
    close_servers()
    wire.faults = []
    assert settled.ask(np.ones(384, dtype=np.float32)).hits


@pytest.mark.usefixtures("small_groups")
def test_two_runs_at_once_do_the_work_once(settled: Filled, wire: QdrantWire) -> None:
    settled.use(wire.url, key=KEY)
    wire.faults = [Fault("/points", 0, times=999, delay_s=0.01)]
    with ThreadPoolExecutor(2) as executor:
        both = [future.result()[0] for future in [executor.submit(settled.mirror) for _ in range(2)]]
    assert sorted(item.work.added for item in both) == [0, ISSUES]
    assert sum(len(call.body["batch"]["ids"]) for call in wire.calls("/points?")) == ISSUES


def test_a_store_that_lost_everything_is_filled_again(settled: Filled, wire: QdrantWire) -> None:
    settled.use(wire.url, key=KEY)
    settled.mirror()
    for name in list(wire.layouts):
        wire.engine.delete_collection(name)
        wire.layouts.pop(name)
    (found,) = settled.mirror()
    assert (found.recounted, found.work.added, found.ready) == (True, ISSUES, True)


def test_a_planted_key_is_in_no_table_file_or_output(
    settled: Filled,
    wire: QdrantWire,
    precedent: Call,
    owner_dsn: str,
    platform_home: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    key = tmp_path / "key"
    key.write_text(KEY)
    added = precedent("store", "add", "planted", "--url", wire.url, "--key-file", key, "--tenant", settled.tenant)
    assert added[0] == 0
    wire.faults = [Fault("/points", 500, times=99), Fault("GET /collections", 403, times=1, skip=1)]
    refused = precedent("refresh", settled.key, "--select", "vectors", "--json")
    assert refused[0] == 1
    tested = precedent("store", "test", "planted", "--tenant", settled.tenant)
    assert "[redacted]" in "".join(map(str, (*refused, *tested)))
    wire.faults = []
    filled = precedent("refresh", settled.key, "--select", "vectors", "--json")
    assert filled[0] == 0
    shown = precedent("store", "show", "planted", "--tenant", settled.tenant, "--json")
    assert '"has_key": true' in shown[1]
    assert all(call.key == KEY for call in wire.calls("/points"))
    reason = str(settled.ask(np.ones(384, dtype=np.float32)))
    assert_nothing_leaked(
        owner_dsn,
        platform_home,
        caplog.text,
        reason,
        *map(str, (*added, *refused, *tested, *filled, *shown)),
        repr(settled.store),
    )


def test_a_rotation_takes_the_keys_of_stores_along(
    settled: Filled,
    wire: QdrantWire,
    precedent: Call,
    platform_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    database: Database,
) -> None:
    settled.use(wire.url, key=KEY)
    before = settled.store.stored or ""
    older = (platform_home / "secret-keys").read_text().split()
    monkeypatch.setenv("PRECEDENT_SECRET_KEYS", " ".join([fresh := Fernet.generate_key().decode(), *older]))
    assert precedent("provider", "rotate-keys")[0] == 0
    assert (settled.store.stored or "").split(":")[1] != before.split(":")[1]
    monkeypatch.setenv("PRECEDENT_SECRET_KEYS", fresh)
    assert settled.store.key(settled.settings) == KEY
    monkeypatch.setenv("PRECEDENT_SECRET_KEYS", " ".join([older[0], fresh, *older[1:]]))
    assert precedent("provider", "rotate-keys")[0] == 0
