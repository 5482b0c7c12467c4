"""The kill itself."""

import os
import signal
import subprocess
from contextlib import suppress

import psycopg

from tests.chaos.installation import Installation, kill_group
from tests.chaos.plan import SERVERS, Round, Victim

BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid
"""


def strike(site: Installation, one: Round, refresh: "subprocess.Popen[str] | None") -> str:
    """Kill the victim of a round.

    Args:
        site: Where.
        one: The round.
        refresh: The process of `refresh`; None while `up` does the work.

    Returns:
        What was killed, in words.
    """
    victim = one.case.victim
    if refresh is not None and victim is Victim.REFRESH:
        refresh.kill()
        return f"refresh (process {refresh.pid})"
    if refresh is not None and victim is Victim.GROUP:
        kill_group(refresh)
        return f"the process group {refresh.pid}"
    if victim in SERVERS:
        site.servers[victim].kill()
        return f"the server {victim}"
    if victim is Victim.BACKEND:
        return _backend(site, one.choice)
    if victim in (Victim.POSTMASTER, Victim.UP_POSTMASTER):
        return _kill("the postmaster", site.postmaster())
    return _kill(f"the {victim}", site.service(victim.removesuffix(" of up")))


def _backend(site: Installation, choice: float) -> str:
    # Its own connections are no part of the platform's work.
    site.database.engine.dispose()
    with psycopg.connect(site.owner_dsn) as connection:
        found = [int(pid) for (pid,) in connection.execute(BACKENDS).fetchall()]
    return _kill("a backend", found[int(choice * len(found))] if found else None)


def _kill(what: str, process: int | None) -> str:
    if process is None:
        return "nobody: it had ended"
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    return f"{what} (process {process})"
