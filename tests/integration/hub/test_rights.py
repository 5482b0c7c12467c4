"""Every operation of the interface, asked by everybody: only what the document's own table of roles allows."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from precedent.access.roles import Role
from tests.integration.hub.conftest import Keys, bearer

OPEN = {"/healthz", "/readyz"}
OF_EVERYBODY = "/api/v1/me"
OF_ONES_OWN = "/api/v1/ai/"  # the tenant may be said in the query
# What a path asks for besides the tenant; nothing of these names exists, so that nothing is changed.
NAMES = {"source": "none", "provider": "none", "name": "none", "number": "0"}


def operations(hub: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in hub.openapi()["paths"].items()
        for method, operation in methods.items()
        if path not in OPEN
    ]


def ask(client: TestClient, method: str, path: str, tenant: str, token: str | None) -> int:
    address = path.format(tenant=tenant, **NAMES)
    headers = bearer(token) if token else {}
    query = {"tenant": tenant} if path.startswith(OF_ONES_OWN) else {}
    return client.request(method.upper(), address, headers=headers, params=query).status_code


def test_the_document_says_the_role_of_every_operation(hub: FastAPI) -> None:
    found = operations(hub)
    assert len(found) > 30
    silent = [path for _, path, operation in found if "x-role" not in operation and not path.startswith(OF_EVERYBODY)]
    assert silent == []


def test_a_stranger_gets_nothing(hub: FastAPI, client: TestClient, keys: Keys) -> None:
    for method, path, _ in operations(hub):
        assert ask(client, method, path, keys.tenant, None) == 401, (method, path)
        assert ask(client, method, path, keys.tenant, "pct_1_forged") == 401, (method, path)


def test_another_tenants_administrator_learns_not_even_that_it_exists(
    hub: FastAPI, client: TestClient, keys: Keys
) -> None:
    for method, path, _ in operations(hub):
        if "{tenant}" in path or path.startswith(OF_ONES_OWN):
            answers = [ask(client, method, path, tenant, keys.foreign) for tenant in (keys.tenant, "there-is-none")]
            assert answers == [404, 404], (method, path)
        elif not path.startswith(OF_EVERYBODY):
            assert ask(client, method, path, keys.tenant, keys.foreign) == 403, (method, path)


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_role_may_do_what_the_table_says(hub: FastAPI, client: TestClient, keys: Keys, role: str) -> None:
    for method, path, operation in operations(hub):
        if path.startswith(OF_EVERYBODY):
            continue
        status = ask(client, method, path, keys.tenant, getattr(keys, role))
        if Role(role).may_act_as(Role(operation["x-role"])):
            assert status not in (401, 403), (method, path)
        else:
            assert status == 403, (method, path)


def test_the_platforms_token_may_do_everything(hub: FastAPI, client: TestClient, keys: Keys) -> None:
    for method, path, _ in operations(hub):
        assert ask(client, method, path, keys.tenant, keys.platform) not in (401, 403), (method, path)
