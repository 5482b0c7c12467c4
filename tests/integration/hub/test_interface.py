"""The interface on real rows: what a person or program does with it."""

import csv
import io
import json

import pytest
from starlette.testclient import TestClient

from tests.integration.hub.conftest import Keys, bearer


@pytest.fixture
def base(keys: Keys) -> str:
    return f"/api/v1/tenants/{keys.tenant}"


def test_who_am_i(client: TestClient, keys: Keys) -> None:
    answer = client.get("/api/v1/me", headers=bearer(keys.operator)).json()
    assert answer == {
        "name": "operator",
        "kind": "token",
        "tenants": [{"tenant": keys.tenant, "role": "operator"}],
    }


def test_search_similar_and_sources(client: TestClient, keys: Keys, base: str, records: str) -> None:
    headers = bearer(keys.viewer)
    found = client.get(f"{base}/search", params={"q": "connection pool", "k": 3}, headers=headers).json()["items"]
    assert len(found) == 3
    assert found[0]["external_id"] in ("harbor/platform#1", "inc1")
    assert found[0]["marks"]
    only = {"q": "connection pool", "kind": "incident", "mode": "text"}
    assert {item["kind"] for item in client.get(f"{base}/search", params=only, headers=headers).json()["items"]} == {
        "incident"
    }
    same = client.get(f"{base}/similar", params={"external_id": "inc1"}, headers=headers).json()["items"]
    assert same[0]["external_id"] == "harbor/platform#1"
    (source,) = client.get(f"{base}/sources", headers=headers).json()
    assert (source["name"], source["state"], source["documents"], source["embedded"]) == (records, "ok", 7, 7)
    missing = client.get(f"{base}/search", params={"q": "x", "source": "none"}, headers=headers)
    assert (missing.status_code, "no source 'none'" in missing.json()["detail"]) == (404, True)


@pytest.mark.usefixtures("records")
def test_an_incident_is_analysed_with_evidence(client: TestClient, keys: Keys, base: str) -> None:
    answer = client.post(f"{base}/analyses", json={"incident": "inc1"}, headers=bearer(keys.operator)).json()
    assert (answer["status"], answer["provider"]) == ("succeeded", "local")
    assert answer["recommendations"]
    assert {item["external_id"] for item in answer["evidence"]} >= {"harbor/platform#1"}
    described = {"title": "Checkout answers 500", "text": "connection pool exhausted"}
    answer = client.post(f"{base}/analyses", json=described, headers=bearer(keys.operator)).json()
    assert (answer["incident"], answer["status"]) == (None, "succeeded")


def test_a_source_is_paused_and_resumed(client: TestClient, keys: Keys, base: str, records: str) -> None:
    headers = bearer(keys.operator)
    assert client.post(f"{base}/sources/{records}/pause", headers=headers).json()["state"] == "paused"
    assert client.post(f"{base}/sources/{records}/resume", headers=headers).json()["state"] == "ok"


def test_providers_usage_and_policy(client: TestClient, keys: Keys, base: str) -> None:
    providers = client.get(f"{base}/providers", headers=bearer(keys.viewer)).json()
    assert {provider["capability"] for provider in providers} == {"embedding", "text_generation"}
    usage = client.get(f"{base}/usage", params={"period": "24h"}, headers=bearer(keys.viewer)).json()
    assert usage["budget"]["limit_usd"] is None
    change = client.patch(f"{base}/policy", json={"monthly_budget_usd": 5, "mask": True}, headers=bearer(keys.admin))
    assert (change.status_code, change.json()["mask"]) == (200, True)
    usage = client.get(f"{base}/usage", headers=bearer(keys.viewer)).json()
    assert usage["budget"]["limit_usd"] == 5
    lifted = client.patch(f"{base}/policy", json={"monthly_budget_usd": None}, headers=bearer(keys.admin)).json()
    assert (lifted["monthly_budget_usd"], lifted["mask"]) == (None, True)
    wrong = client.get(f"{base}/usage", params={"period": "soon"}, headers=bearer(keys.viewer))
    assert wrong.status_code == 422


def test_members_and_tokens(client: TestClient, keys: Keys, base: str) -> None:
    headers = bearer(keys.admin)
    for _ in range(2):
        saved = client.put(f"{base}/members/anna@example.org", json={"role": "viewer"}, headers=headers)
        assert (saved.status_code, saved.json()["role"]) == (200, "viewer")
    assert [member["name"] for member in client.get(f"{base}/members", headers=headers).json()] == ["anna@example.org"]
    made = client.post(f"{base}/tokens", json={"name": "ci", "role": "viewer", "days": 30}, headers=headers).json()
    assert client.get("/api/v1/me", headers=bearer(made["token"])).json()["name"] == "ci"
    assert "token" not in client.get(f"{base}/tokens", headers=headers).json()[0]
    newer = client.post(f"{base}/tokens/ci/rotations", json={"overlap_hours": 0}, headers=headers).json()
    assert client.get("/api/v1/me", headers=bearer(made["token"])).status_code == 401
    assert client.get("/api/v1/me", headers=bearer(newer["token"])).status_code == 200
    assert client.delete(f"{base}/tokens/ci", headers=headers).status_code == 204
    assert client.get("/api/v1/me", headers=bearer(newer["token"])).status_code == 401
    assert client.delete(f"{base}/members/anna@example.org", headers=headers).status_code == 204
    assert client.delete(f"{base}/members/anna@example.org", headers=headers).status_code == 404


def test_the_log_says_who_did_it_and_is_exported(client: TestClient, keys: Keys, base: str) -> None:
    headers = {**bearer(keys.admin), "x-request-id": "by-admin"}
    client.put(f"{base}/members/=cmd()", json={"role": "viewer"}, headers=headers)
    client.delete(f"{base}/members/=cmd()", headers=headers)
    found = client.get(f"{base}/audit", params={"text": "=cmd()", "limit": 1}, headers=headers).json()
    (entry,) = found["items"]
    assert (entry["actor_kind"], entry["actor"], entry["action"], entry["request_id"]) == (
        "token",
        "admin",
        "removed",
        "by-admin",
    )
    following = {"text": "=cmd()", "limit": 1, "cursor": found["next"]}
    second = client.get(f"{base}/audit", params=following, headers=headers).json()
    assert ([item["action"] for item in second["items"]], second["next"]) == (["added"], None)
    assert client.get(f"{base}/audit", params={"cursor": "x!"}, headers=headers).status_code == 422
    lines = client.get(f"{base}/audit/export", params={"text": "=cmd()"}, headers=headers).text.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["removed", "added"]
    table = client.get(f"{base}/audit/export", params={"text": "=cmd()", "form": "csv"}, headers=headers).text
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["name"] for row in rows] == ["'=cmd()", "'=cmd()"]


def test_operations(client: TestClient, keys: Keys) -> None:
    assert client.get("/healthz").text == "ok"
    assert client.get("/readyz").json() == {"ready": True}
    text = client.get("/metrics", headers=bearer(keys.platform)).text
    assert "precedent_database_up 1.0" in text
    assert 'precedent_hub_requests_total{method="GET",route="/healthz",status="200"}' in text
