"""Dagster's web server behind the door, as a process: `python -m orchestration.server.webserver`.

It does what Dagster's own command does and nothing listens but the door; `precedent up` starts it.
"""

import argparse
from pathlib import Path

import dagster as dg
import uvicorn
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__

from hub.gate.hosts import AllowedHosts
from orchestration.dagster_internals import WorkspaceFileTarget, WorkspaceProcessContext
from orchestration.server.door import Door
from orchestration.server.login import Login, read_token
from precedent.settings import Settings

# As Dagster's own web server has them.
STATEMENT_TIMEOUT_MS = 15_000
POOL_RECYCLE_S = 3600
POOL_OVERFLOW = 20
POLL_MS = 2000


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True, help="the address to listen on")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--workspace", required=True, type=Path, help="the file that names the code server")
    parser.add_argument("--name", action="append", default=[], help="what else the server is called")
    parser.add_argument("--login", action="store_true", help="let in only who has the token")
    options = parser.parse_args()
    login = Login(read_token(Settings.from_environment().home)) if options.login else None
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, POOL_OVERFLOW)
        target = WorkspaceFileTarget([str(options.workspace)])
        with WorkspaceProcessContext(instance, workspace_load_target=target, version=__version__) as workspace:
            page = create_app_from_workspace_process_context(workspace, live_data_poll_rate=POLL_MS)
            door = Door(page, AllowedHosts.of(options.host, options.name), login)
            uvicorn.run(door, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
