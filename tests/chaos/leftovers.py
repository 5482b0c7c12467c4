"""What must be gone when everything has ended: processes, connections, locks, temporary tables, sockets."""

import os
import stat
import time
from contextlib import suppress

import psutil
import psycopg

from precedent.database.embedded import EmbeddedServer
from tests.chaos.installation import Installation

CONNECTIONS = """
SELECT pid, left(query, 100) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
LOCKS = "SELECT objid FROM pg_locks WHERE locktype = 'advisory'"
TEMPORARY = "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
SPACELESS = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'embeddings'::regclass
  AND NOT EXISTS (SELECT FROM embedding_spaces s WHERE c.relname = 'embeddings_' || s.id)
"""
# The server takes a moment to miss a killed client.
PATIENCE_S = 5.0


def leftovers(site: Installation, *, with_up: bool, crashed: bool) -> list[str]:
    """What is left, a line each; empty where nothing is."""
    site.database.engine.dispose()
    until = time.monotonic() + PATIENCE_S
    while (found := _look(site, with_up=with_up, crashed=crashed)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _look(site: Installation, *, with_up: bool, crashed: bool) -> list[str]:
    with psycopg.connect(site.owner_dsn) as connection:
        found = [f"the partition {name} of no space" for (name,) in connection.execute(SPACELESS).fetchall()]
        if not with_up:
            found += [f"a connection: {query}" for _, query in connection.execute(CONNECTIONS).fetchall()]
            # Those of a crash go when autovacuum comes by.
            temporary = [] if crashed else connection.execute(TEMPORARY).fetchall()
            found += [f"the temporary table {name}" for (name,) in temporary]
            found += [f"a lock on {number}" for (number,) in connection.execute(LOCKS).fetchall()]
    if with_up:
        return found
    found += [f"the process {process.pid}: {' '.join(process.cmdline())}" for process in _processes(site)]
    found += [f"the lease of {pid}" for pid in EmbeddedServer(site.home).holders() if pid != os.getpid()]
    sockets = [path for path in site.home.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
    return found + [f"the socket {path}" for path in sockets if not path.name.startswith(".s.PGSQL")]


def _processes(site: Installation) -> list[psutil.Process]:
    """What runs in the home beside this process, its servers and the database."""
    known = {os.getpid(), *(server.process.pid for server in site.servers.values() if server.process)}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid in known or process.name().startswith("postgres"):
                continue
            mine = process.environ().get("PRECEDENT_HOME") == str(site.home)
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
