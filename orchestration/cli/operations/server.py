"""`up` and `down`: Dagster's web page and daemon, and the embedded database."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json
from orchestration.server import record
from precedent.database.embedded import EmbeddedServer
from precedent.errors import PrecedentError, UsageError
from precedent.settings import Settings

RECORD = "up.json"
LOG = "up.log"


def up(
    port: Annotated[int, typer.Option(help="The port of the web page.")] = 3000,
    host: Annotated[str, typer.Option(help="The address that it listens on.")] = "127.0.0.1",
    login: Annotated[
        bool, typer.Option("--login", help="Ask for a token, which is printed as a link; needed beyond this machine.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="What else the page is called, for example by a proxy; may be repeated.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print what Dagster's processes print.")] = False,
) -> None:
    """Start Dagster's web page and daemon, with the database; Ctrl-C stops them."""
    from hub.gate.hosts import is_loopback, is_taken
    from orchestration.dead_commands import end_dead
    from orchestration.instance import dagster_environment, dagster_instance, sync_partitions
    from orchestration.pools import sync_pools
    from orchestration.server.address import Address
    from orchestration.server.login import login_link
    from orchestration.server.services import dagster_services
    from orchestration.server.supervisor import Supervisor

    if not login and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, and whoever reaches the page commands it: add --login."
        )
    settings = Settings.from_environment()
    _end_earlier(settings.home / RECORD)
    address = Address(host, port, name or (), login)
    if is_taken(host, port):
        raise PrecedentError(f"Port {port} of {host} is taken: choose another with --port.")
    with precedent.open(settings) as platform:
        platform.tenant()
        endpoints = platform.database.endpoints
        with dagster_instance(settings, endpoints) as instance:
            sync_partitions(instance, platform.database)
            sync_pools(instance, platform.database)
            end_dead(instance)
        output.say("Dagster's web page and daemon start.")
        environment = dagster_environment(settings, endpoints)
        Supervisor(
            services=dagster_services(Path(environment["DAGSTER_HOME"]), address),
            environment={**os.environ, **environment},
            record=settings.home / RECORD,
            log=settings.home / LOG,
            address=address,
            url=f"{address.url}{login_link(settings.home)}" if login else address.url,
            say=output.say,
            database=endpoints.embedded,
            verbose=verbose,
        ).run()
    output.say("Stopped.")


def _end_earlier(path: Path) -> None:
    """End what an `up` that was killed has left behind."""
    running = record.read(path)
    if running is None:
        return
    if running.up.process() is not None:
        raise PrecedentError(
            f"It is up already (process {running.up.pid}): open the web page, or run `precedent down`."
        )
    if any(service.family() for service in running.services):
        output.say("An earlier `up` was killed: what it had started is stopped first.")
        _check_ended(record.end(running.services))
    path.unlink(missing_ok=True)


def down(json: Json = False) -> None:
    """Stop what `up` started, and the embedded database."""
    settings = Settings.from_environment()
    path = settings.home / RECORD
    server = EmbeddedServer(settings.home)
    # Where `up` was its last user, the database stops with it.
    database = settings.database_url is None and server.is_running()
    stopped = _stop(path)
    path.unlink(missing_ok=True)
    if database:
        server.stop()
    if json:
        output.emit({"server_stopped": stopped, "database_stopped": database})
        return
    names = [name for name, ended in (("Dagster's web page and daemon", stopped), ("the database", database)) if ended]
    output.say(f"Stopped: {' and '.join(names)}." if names else "Nothing was running.")


def _stop(path: Path) -> bool:
    """Stop an `up` and its services; True if any of them ran."""
    running = record.read(path)
    if running is None:
        return False
    up = running.up.process()
    if up is not None:
        up.terminate()
        until = time.monotonic() + record.LONGEST_S
        while running.up.process() is not None and time.monotonic() < until:
            time.sleep(0.1)
        # What it started until the end is written there; nothing is, where it has ended all of it.
        running = record.read(path) or running
        if running.up.process() is not None:
            up.kill()
    left = [service for service in running.services if service.family()]
    _check_ended(record.end(left))
    return up is not None or bool(left)


def _check_ended(left: list[record.Started]) -> None:
    if left:
        what = " and ".join(f"the {service.name} (process {service.pid})" for service in left)
        raise PrecedentError(f"What does not end is {what}: end it with `kill -9`, then run `precedent down` again.")
