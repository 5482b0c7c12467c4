"""What every request passes: host, origin, size; what every answer carries."""

import json
import logging

import pytest
from starlette.testclient import TestClient

from hub.gate.gate import BODY_LIMIT
from tests.integration.hub.conftest import HOST, Keys, bearer

ME = "/api/v1/me"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_another_page_or_name_is_refused(client: TestClient, keys: Keys, headers: dict[str, str]) -> None:
    answer = client.get(ME, headers={**bearer(keys.viewer), **headers})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_own_page_passes(client: TestClient, keys: Keys) -> None:
    own = {"origin": HOST, "sec-fetch-site": "same-origin"}
    assert client.get(ME, headers={**bearer(keys.viewer), **own}).status_code == 200


def test_a_body_is_bounded_whatever_its_header_says(client: TestClient, keys: Keys) -> None:
    path = f"/api/v1/tenants/{keys.tenant}/tokens"

    def parts() -> object:
        for _ in range(BODY_LIMIT // 10_000 + 2):
            yield b" " * 10_000

    headers = {**bearer(keys.admin), "content-type": "application/json"}
    answer = client.post(path, content=parts(), headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body is larger than 1,000,000 bytes."


def test_every_answer_forbids_what_no_page_of_ours_needs(client: TestClient) -> None:
    for path in ("/healthz", "/sign-in", "/nowhere", "/static/hub.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-request-id"]


def test_a_request_keeps_its_id_in_answer_problem_and_log(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hub.requests"):
        answer = client.get(f"{ME}?secret=planted", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == answer.json()["request"] == "abc-1"
    line = json.loads(caplog.messages[-1])
    assert (line["request"], line["status"], line["path"], line["caller"]) == ("abc-1", 401, ME, None)
    assert "planted" not in caplog.text
    injected = client.get(ME, headers={"x-request-id": 'a"} {'}).headers["x-request-id"]
    assert len(injected) == 16


def test_what_does_not_exist_is_a_problem_too(client: TestClient, keys: Keys) -> None:
    answer = client.get("/api/v1/nowhere", headers=bearer(keys.viewer))
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is nothing at this address.")
    answer = client.delete(ME, headers=bearer(keys.viewer))
    assert answer.status_code == 405


def test_a_wrong_field_is_named_and_not_repeated(client: TestClient, keys: Keys) -> None:
    path = f"/api/v1/tenants/{keys.tenant}/tokens"
    answer = client.post(path, json={"name": "x", "role": "sk-planted"}, headers=bearer(keys.admin))
    assert answer.status_code == 422
    assert [field["field"] for field in answer.json()["fields"]] == ["body.role"]
    assert "planted" not in answer.text
