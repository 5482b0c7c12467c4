"""`up` and `down`: Dagster's web server and daemon, and the embedded database."""

import contextlib
import json as json_module
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import psutil
import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json
from precedent.database.embedded import EmbeddedServer
from precedent.errors import PrecedentError
from precedent.settings import PROJECT_ROOT, Settings

STOP_S = 20


def up(
    port: Annotated[int, typer.Option(help="The port of the web server.")] = 3000,
    host: Annotated[str, typer.Option(help="The address that it listens on.")] = "127.0.0.1",
) -> None:
    """Start Dagster's web server and daemon, with the database; Ctrl-C stops them."""
    from orchestration.instance import dagster_environment, dagster_instance, sync_partitions
    from orchestration.pools import sync_pools

    settings = Settings.from_environment()
    state = settings.home / "up.json"
    running = _running(state)
    if running is not None:
        raise PrecedentError(f"It is up already (process {running.pid}): open the web page, or run `precedent down`.")
    with socket.socket() as probe:
        if probe.connect_ex((host, port)) == 0:
            raise PrecedentError(f"Port {port} of {host} is taken: choose another with --port.")
    with precedent.open(settings) as platform:
        platform.tenant()
        endpoints = platform.database.endpoints
        with dagster_instance(settings, endpoints) as instance:
            sync_partitions(instance, platform.database)
            sync_pools(instance, platform.database)
        environment = {**os.environ, **dagster_environment(settings, endpoints)}
        output.say(f"Dagster's page: http://{host}:{port}  (stop with Ctrl-C or `precedent down`)")
        _serve(_command(host, port), environment, state, port)


def _command(host: str, port: int) -> list[str]:
    dagster = str(Path(sys.executable).with_name("dagster"))
    return [dagster, "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"), "-h", host, "-p", str(port)]


def _serve(command: list[str], environment: dict[str, str], state: Path, port: int) -> None:
    with subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT) as server:
        process = psutil.Process(server.pid)
        state.write_text(json_module.dumps({"pid": server.pid, "created": process.create_time(), "port": port}))
        try:
            signal.signal(signal.SIGTERM, lambda *_: server.terminate())
            server.wait()
        except KeyboardInterrupt:
            server.wait(timeout=30)
        finally:
            state.unlink(missing_ok=True)


def down(json: Json = False) -> None:
    """Stop what `up` started, and the embedded database."""
    settings = Settings.from_environment()
    process = _running(settings.home / "up.json")
    if process is not None:
        family = [process, *process.children(recursive=True)]
        process.terminate()
        _, alive = psutil.wait_procs(family, timeout=STOP_S)
        for left in alive:
            with contextlib.suppress(psutil.Error):
                left.kill()
    stopped = settings.database_url is None and EmbeddedServer(settings.home).stop()
    if json:
        output.emit({"server_stopped": process is not None, "database_stopped": stopped})
    elif process is None and not stopped:
        output.say("Nothing was running.")
    else:
        output.say("Stopped.")


def _running(state: Path) -> psutil.Process | None:
    try:
        found = json_module.loads(state.read_text())
        process = psutil.Process(found["pid"])
        return process if abs(process.create_time() - found["created"]) < 1 else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
