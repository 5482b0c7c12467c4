"""The processes of Dagster: a code server, which has the graph, and the daemon and web page, which ask it."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from orchestration.dagster_internals import DAEMON_MODULE
from orchestration.server.address import Address
from precedent.folders import make_private, socket_folder
from precedent.settings import PROJECT_ROOT

SOCKET = "code.sock"


@dataclass(frozen=True, slots=True)
class Service:
    """A process that is to run for as long as `up` does.

    Attributes:
        name: What it is called in messages.
        command: The program with its arguments.
        needs: A socket that must answer before it is started.
    """

    name: str
    command: Sequence[str]
    needs: Path | None = None


def dagster_services(folder: Path, address: Address) -> list[Service]:
    """The services, in the order of their start.

    Args:
        folder: Dagster's folder of state; the socket and the file that names it are made there.
        address: Where the web page is to be.
    """
    location = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    make_private(folder)
    socket = socket_folder(folder, SOCKET) / SOCKET
    # Web server and daemon share one code server, so that a reload in the page is one for both. JSON is YAML.
    workspace = folder / "workspace.yaml"
    server = {"socket": str(socket), "location_name": location["location_name"]}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
    python = [sys.executable, "-m"]
    code = ["code-server", "start", "--socket", str(socket), "--use-python-environment-entry-point"]
    target = ["--module-name", location["module_name"], "--location-name", location["location_name"]]
    return [
        Service("code server", [*python, "dagster", *code, *target]),
        Service("daemon", [*python, DAEMON_MODULE, "run", "--workspace", str(workspace)], needs=socket),
        Service(
            "web server",
            [*python, "orchestration.server.webserver", "--workspace", str(workspace), *_options(address)],
            needs=socket,
        ),
    ]


def _options(address: Address) -> list[str]:
    names = [argument for name in address.names for argument in ("--name", name)]
    return ["--host", address.host, "--port", str(address.port), *names, *(["--login"] if address.login else [])]
