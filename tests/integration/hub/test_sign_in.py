"""A person signs in by a link, once, and out again."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.server import first_link
from hub.settings import HubSettings
from precedent.access import members, sessions
from precedent.database.session import Database
from tests.integration.hub.conftest import HOST, Keys, bearer


@pytest.fixture
def browser(hub: FastAPI) -> Iterator[TestClient]:
    with TestClient(hub, base_url=HOST, follow_redirects=False) as client:
        yield client


def link_of(client: TestClient, keys: Keys, name: str) -> str:
    base = f"/api/v1/tenants/{keys.tenant}/members/{name}"
    client.put(base, json={"role": "viewer"}, headers=bearer(keys.admin))
    url: str = client.post(f"{base}/links", headers=bearer(keys.admin)).json()["url"]
    assert url.startswith(f"{HOST}/sign-in?link=")
    return url


def test_a_link_signs_in_once_and_a_look_at_it_uses_nothing_up(
    browser: TestClient, client: TestClient, keys: Keys
) -> None:
    url = link_of(client, keys, "basil")
    secret = url.partition("=")[2]
    assert browser.get("/").headers["location"] == "/sign-in"
    for _ in range(2):
        assert secret in browser.get(url).text
    answer = browser.post("/sign-in", data={"link": secret})
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f">{keys.tenant}</a>" in browser.get(f"/t/{keys.tenant}").text
    assert browser.get("/api/v1/me").json()["kind"] == "member"
    assert [item["current"] for item in browser.get("/api/v1/me/sessions").json()] == [True]
    again = client.post("/sign-in", data={"link": secret})
    assert (again.status_code, "used before" in again.text) == (403, True)
    browser.post("/sign-out")
    assert browser.get("/api/v1/me").status_code == 401


def test_what_is_taken_from_a_member_is_gone_with_the_next_request(
    browser: TestClient, client: TestClient, keys: Keys
) -> None:
    browser.post("/sign-in", data={"link": link_of(client, keys, "cyrus").partition("=")[2]})
    sources = f"/api/v1/tenants/{keys.tenant}/sources"
    assert browser.get(sources).status_code == 200
    client.delete(f"/api/v1/tenants/{keys.tenant}/members/cyrus", headers=bearer(keys.admin))
    assert browser.get(sources).status_code == 404
    assert "You belong to no tenant yet" in browser.get("/").text


def test_a_form_of_another_page_signs_nobody_in(browser: TestClient, client: TestClient, keys: Keys) -> None:
    secret = link_of(client, keys, "diana").partition("=")[2]
    answer = browser.post("/sign-in", data={"link": secret}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert browser.post("/sign-in", data={"link": secret}).status_code == 303


def test_the_first_start_makes_an_administrator(database: Database, hub: FastAPI) -> None:
    with database.session() as session:
        session.connection().exec_driver_sql("DELETE FROM members")
    link = first_link(hub.state.platform, HubSettings())
    assert link is not None
    (administrator,) = members.list(database, None)
    assert sessions.take_link(database, link.partition("=")[2]) == administrator.name
    assert first_link(hub.state.platform, HubSettings()) is None
    with database.session() as session:
        session.connection().exec_driver_sql("DELETE FROM members")


def test_under_tls_the_cookie_is_for_this_host_and_tls_alone(database: Database, hub: FastAPI) -> None:
    from hub.application import create

    with TestClient(
        create(hub.state.platform, HubSettings(names=["hub.example"], secure=True)), base_url="https://hub.example"
    ) as browser:
        answer = browser.post("/sign-in", data={"link": sessions.add_link(database, "eve")}, follow_redirects=False)
        cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-precedent_session=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    sessions.delete(database, "eve")
