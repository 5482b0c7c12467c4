"""The pages, without a browser: what each role sees, and what hostile records do to them."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from precedent.access import members, sessions
from precedent.database.session import Database
from precedent.tenants import tenants
from tests.integration.conftest import incident, issue, write_lines
from tests.integration.hub.conftest import HOST, Keys

ATTACK = "</a><script>alert(1)</script>\x1b[2J"
READ = ("", "/incidents", "/search", "/sources", "/providers", "/usage", "/members")
OF_ADMINISTRATORS = ("/tokens", "/audit")


def browser_of(hub: FastAPI, database: Database, keys: Keys, name: str, role: str | None) -> TestClient:
    """A browser in which a member with this role is signed in."""
    if role is not None:
        members.save(database, tenants.get(database, keys.tenant).id, name, role)
    client = TestClient(hub, base_url=HOST, follow_redirects=False, headers={"accept": "text/html"})
    assert client.post("/sign-in", data={"link": sessions.add_link(database, name)}).status_code == 303
    return client


@pytest.fixture
def operator(hub: FastAPI, database: Database, keys: Keys) -> Iterator[TestClient]:
    with browser_of(hub, database, keys, "olga", "operator") as client:
        yield client


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("role", ["viewer", "operator", "admin", None])
def test_a_role_sees_its_pages(hub: FastAPI, database: Database, keys: Keys, role: str | None) -> None:
    with browser_of(hub, database, keys, f"person-{role}", role) as client:
        statuses = {path: client.get(f"/t/{keys.tenant}{path}").status_code for path in (*READ, *OF_ADMINISTRATORS)}
    if role is None:
        assert set(statuses.values()) == {404}
    else:
        expected = 200 if role == "admin" else 403
        assert statuses == {**dict.fromkeys(READ, 200), **dict.fromkeys(OF_ADMINISTRATORS, expected)}


def test_a_stranger_is_asked_to_sign_in(client: TestClient, keys: Keys) -> None:
    answer = client.get(f"/t/{keys.tenant}", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert client.get(f"/t/{keys.tenant}").status_code == 401


@pytest.mark.usefixtures("records")
def test_from_home_to_an_analysis(operator: TestClient, keys: Keys) -> None:
    base = f"/t/{keys.tenant}"
    assert "Checkout errors" in operator.get(base).text
    listed = operator.get(f"{base}/incidents", params={"open": "true", "q": "CHECKOUT"}).text
    assert f"{base}/incident?id=inc1&amp;source=records" in listed
    assert "There is no such incident" in operator.get(f"{base}/incidents", params={"q": "zzz"}).text
    answer = operator.post(f"{base}/incident", data={"id": "inc1", "source": "records"})
    assert answer.status_code == 303
    shown = operator.get(answer.headers["location"]).text
    assert "What it rests on" in shown
    assert "harbor/platform#1" in shown
    found = operator.get(f"{base}/search", params={"q": "connection pool"}).text
    assert "<mark>connection</mark>" in found
    similar = operator.get(f"{base}/item", params={"id": "harbor/platform#1", "source": "records"}).text
    assert "Checkout errors" in similar


@pytest.mark.usefixtures("records")
def test_a_source_is_paused_on_its_page(operator: TestClient, keys: Keys) -> None:
    page = f"/t/{keys.tenant}/sources/records"
    assert operator.post(f"{page}/pause").headers["location"] == page
    assert "paused" in operator.get(page).text
    operator.post(f"{page}/resume")
    assert operator.get(f"/t/{keys.tenant}/sources/none").status_code == 404


def test_a_viewer_starts_nothing(hub: FastAPI, database: Database, keys: Keys, records: str) -> None:
    with browser_of(hub, database, keys, "vera", "viewer") as client:
        base = f"/t/{keys.tenant}"
        assert client.post(f"{base}/sources/{records}/pause").status_code == 403
        assert client.post(f"{base}/incident", data={"id": "inc1", "source": records}).status_code == 403
        assert "Analyse it" not in client.get(f"{base}/incident?id=inc1&source={records}").text


def test_what_a_record_holds_is_only_text(
    operator: TestClient, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from orchestration.cli import run

    folder = tmp_path_factory.mktemp("hostile")
    hostile = issue(91, f"{ATTACK} zebra", f"{ATTACK} body zebra", html_url="javascript:alert(1)")
    write_lines(folder / "issues.jsonl", [hostile])
    write_lines(
        folder / "incidents.jsonl", [{**incident(ATTACK, f"{ATTACK} zebra", 91), "shortlink": "javascript:alert(2)"}]
    )
    assert run(["source", "add", f"{keys.tenant}/hostile", str(folder)]) == 0
    assert run(["refresh", f"{keys.tenant}/hostile"]) == 0
    base = f"/t/{keys.tenant}"
    operator.post(f"{base}/incident", data={"id": "inc91", "source": "hostile"})
    pages = [
        "",
        "/incidents",
        "/search?q=zebra&source=hostile",
        "/incident?id=inc91&source=hostile",
        "/item?id=harbor%2Fplatform%2391&source=hostile",
        "/search?q=%3Cscript%3Ealert(3)%3C%2Fscript%3E",
        "/incident?id=%3Cscript%3E",
        "/sources/%3Cscript%3E",
    ]
    for path in pages:
        text = operator.get(f"{base}{path}").text
        assert "<script" not in text, path
        assert 'href="javascript' not in text, path


def test_a_database_that_is_gone_is_said_in_words(hub: FastAPI, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    from precedent.errors import DatabaseError

    def gone(*_: object) -> None:
        raise DatabaseError("The database cannot be reached: check that it runs, then try again.")

    with TestClient(hub, base_url=HOST, follow_redirects=False) as client:
        monkeypatch.setattr("precedent.access.sessions.find", gone)
        client.cookies.set("precedent_session", "x")
        answer = client.get(f"/t/{keys.tenant}", headers={"accept": "text/html"})
    assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
