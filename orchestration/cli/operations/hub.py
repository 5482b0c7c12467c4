"""`hub`: pages and interfaces for people and programs."""

from typing import Annotated

import typer

import precedent
from hub.settings import DEFAULT_PORT, HubSettings
from orchestration.cli import output


def hub(
    port: Annotated[int, typer.Option(help="The port.")] = DEFAULT_PORT,
    host: Annotated[str, typer.Option(help="The address that it listens on.")] = "127.0.0.1",
    name: Annotated[
        list[str] | None, typer.Option(help="What else it is called, for example by a proxy; may be repeated.")
    ] = None,
    tls_proxy: Annotated[
        bool, typer.Option("--tls-proxy", help="A proxy before it speaks TLS; needed beyond this machine.")
    ] = False,
) -> None:
    """Start the hub; Ctrl-C stops it."""
    from hub.server import serve

    with precedent.open() as platform:
        platform.tenant()
        serve(platform, HubSettings(host, port, tuple(name or ()), tls_proxy), output.say)
    output.say("Stopped.")
