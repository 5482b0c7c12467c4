"""`up`, `down`, `doctor` and `demo`."""

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

from orchestration.cli.output import console, print_json, print_table
from orchestration.cli.tenant import Json
from orchestration.instance import dagster_environment, dagster_instance, sync_partitions
from orchestration.pools import sync_pools
from precedent.database.embedded import EmbeddedServer
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.settings import PROJECT_ROOT, Settings
from precedent.tenants import tenants as tenancy


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("demo")(demo)
    app.command("doctor")(doctor)


def up(
    port: Annotated[int, typer.Option(help="The port of the web server.")] = 3000,
    host: Annotated[str, typer.Option(help="The address that it listens on.")] = "127.0.0.1",
) -> None:
    """Start Dagster's web server and daemon, with the database; Ctrl-C stops them."""
    settings = Settings.from_environment()
    state = settings.home / "up.json"
    running = _running(state)
    if running is not None:
        raise PrecedentError(f"It is up already (process {running.pid}): open the web page, or run `precedent down`.")
    with socket.socket() as probe:
        if probe.connect_ex((host, port)) == 0:
            raise PrecedentError(f"Port {port} of {host} is taken: choose another with --port.")
    database = Database.open(settings)
    tenancy.get(database, tenancy.DEFAULT_TENANT)
    with dagster_instance(settings, database.endpoints) as instance:
        sync_partitions(instance, database)
        sync_pools(instance, database)
    environment = {**os.environ, **dagster_environment(settings, database.endpoints)}
    command = [
        str(Path(sys.executable).with_name("dagster")), "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"),
        "-h", host, "-p", str(port),
    ]  # fmt: skip
    console.print(f"Dagster's page: http://{host}:{port}  (stop with Ctrl-C or `precedent down`)")
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
        _, alive = psutil.wait_procs(family, timeout=20)
        for left in alive:
            with contextlib.suppress(psutil.Error):
                left.kill()
    stopped = settings.database_url is None and EmbeddedServer(settings.home).stop()
    if json:
        print_json({"server_stopped": process is not None, "database_stopped": stopped})
    elif process is None and not stopped:
        console.print("Nothing was running.")
    else:
        console.print("Stopped.")


def demo(
    source: Annotated[Path | None, typer.Option(help="Your own records: a folder, a file or a clone.")] = None,
    json: Json = False,
) -> None:
    """Load a sample, materialise everything and show what was found."""
    from orchestration.cli.demo import run_demo

    run_demo(source, json=json)


def doctor(json: Json = False) -> None:
    """Look at what the platform needs, and say what to do where something is missing."""
    from orchestration.cli.doctor import diagnose

    findings = diagnose(Settings.from_environment())
    if json:
        print_json(findings)
    else:
        print_table("Doctor", ["what", "ok", "finding"], [[item.what, item.ok, item.finding] for item in findings])
    if not all(item.ok for item in findings):
        raise PrecedentError("Something needs attention: see the findings above.")


def _running(state: Path) -> psutil.Process | None:
    try:
        found = json_module.loads(state.read_text())
        process = psutil.Process(found["pid"])
        return process if abs(process.create_time() - found["created"]) < 1 else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
