"""A hub over the session's database, and people and programs with each role."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.application import create
from hub.settings import HubSettings
from precedent.access import tokens
from precedent.database.session import Database
from precedent.platform import Platform
from precedent.settings import Settings
from precedent.tenants import tenants
from tests.integration.conftest import TOPICS, incident, issue, write_lines

HOST = HubSettings().url


@dataclass(frozen=True, slots=True)
class Keys:
    """Tokens of one tenant by role, of another tenant, and of the platform."""

    tenant: str
    viewer: str
    operator: str
    admin: str
    platform: str
    foreign: str


@pytest.fixture(scope="module")
def hub(database: Database) -> FastAPI:
    return create(Platform(Settings.from_environment(), database), HubSettings())


@pytest.fixture(scope="module")
def client(hub: FastAPI) -> Iterator[TestClient]:
    with TestClient(hub, base_url=HOST, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture(scope="module")
def keys(database: Database) -> Iterator[Keys]:
    mark = uuid4().hex[:6]
    tenant, other = (tenants.add(database, f"hub-{mark}-{name}")[0] for name in ("own", "other"))
    made = {role: tokens.add(database, tenant.id, role, role).token for role in ("viewer", "operator", "admin")}
    foreign = tokens.add(database, other.id, "foreign", "admin").token
    root = f"root-{mark}"
    yield Keys(tenant=tenant.name, **made, foreign=foreign, platform=tokens.add(database, None, root, "platform").token)
    tokens.revoke(database, None, root)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def records(keys: Keys, tmp_path_factory: pytest.TempPathFactory, platform_home: Path) -> str:
    """A source of the tenant with six issues and an incident, refreshed."""
    from orchestration.cli import run

    folder = tmp_path_factory.mktemp("records")
    write_lines(folder / "issues.jsonl", [issue(n, *topic) for n, topic in enumerate(TOPICS, start=1)])
    write_lines(folder / "incidents.jsonl", [incident("Checkout errors", "connection pool exhausted")])
    assert run(["source", "add", f"{keys.tenant}/records", str(folder)]) == 0
    assert run(["refresh", f"{keys.tenant}/records"]) == 0
    return "records"


@pytest.fixture(scope="module")
def address(hub: FastAPI) -> Iterator[str]:
    """The hub on a socket, as programs meet it."""
    import uvicorn

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(hub, log_level="warning", access_log=False))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
