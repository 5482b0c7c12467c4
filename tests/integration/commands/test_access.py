"""`member`, `token` and `audit`."""

import csv
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from precedent.access import sessions, tokens
from precedent.database.session import Database

Call = Callable[..., tuple[int, str, str]]


def test_members_are_added_listed_and_removed(precedent: Call, tenant: str) -> None:
    assert precedent("member", "add", "Anna@example.org", "--role", "operator", "--tenant", tenant)[0] == 0
    (row,) = json.loads(precedent("member", "list", "--tenant", tenant, "--json")[1])
    assert (row["name"], row["role"]) == ("anna@example.org", "operator")
    code, _, error = precedent("member", "add", "bo", "--role", "king", "--tenant", tenant)
    assert (code, "viewer or operator or admin" in error) == (2, True)
    assert precedent("member", "remove", "anna@example.org", "--tenant", tenant)[0] == 2  # nobody to ask
    assert precedent("member", "remove", "anna@example.org", "--tenant", tenant, "--yes")[0] == 0
    assert json.loads(precedent("member", "list", "--tenant", tenant, "--json")[1]) == []


def test_a_link_lets_a_member_in_once(precedent: Call, tenant: str, database: Database) -> None:
    precedent("member", "add", "bo", "--tenant", tenant)
    out = precedent("member", "link", "bo", "--url", "https://hub.example/", "--tenant", tenant, "--json")[1]
    url = json.loads(out)["url"]
    assert url.startswith("https://hub.example/sign-in?link=")
    assert sessions.take_link(database, url.partition("=")[2]) == "bo"
    assert precedent("member", "link", "nobody", "--tenant", tenant)[0] == 1
    sessions.add(database, "bo")
    assert json.loads(precedent("member", "sign-out", "bo", "--json")[1]) == {"ended": 1}


def test_a_token_is_printed_once(precedent: Call, tenant: str, database: Database) -> None:
    made = json.loads(precedent("token", "add", "ci", "--role", "viewer", "--tenant", tenant, "--json")[1])
    assert tokens.find(database, made["token"]) is not None
    listed = precedent("token", "list", "--tenant", tenant, "--json")[1]
    assert made["token"][:20] not in listed
    assert json.loads(listed)[0]["state"] == "valid"
    newer = precedent("token", "rotate", "ci", "--overlap", "0", "--tenant", tenant)[1].split()[-1]
    assert tokens.find(database, made["token"]) is None
    assert tokens.find(database, newer) is not None
    assert precedent("token", "revoke", "ci", "--tenant", tenant, "--yes")[0] == 0
    assert tokens.find(database, newer) is None


def test_the_log_is_shown_and_written_to_a_file(precedent: Call, tenant: str, tmp_path: Path) -> None:
    precedent("policy", "set", "--budget", "5", "--tenant", tenant)
    precedent("policy", "set", "--budget", "7", "--tenant", tenant)
    changed, added = json.loads(precedent("audit", "--tenant", tenant, "--json")[1])
    assert (added["action"], changed["before"], changed["after"]) == (
        "added",
        {"monthly_budget_usd": 5.0},
        {"monthly_budget_usd": 7.0},
    )
    assert "monthly_budget_usd: 5.0 → 7.0" in " ".join(precedent("audit", "--tenant", tenant)[1].split())
    assert json.loads(precedent("audit", "--since", "2999-01-01", "--tenant", tenant, "--json")[1]) == []
    file = tmp_path / "audit.csv"
    assert precedent("audit", "--out", file, "--tenant", tenant)[0] == 0
    with file.open(newline="") as rows:
        assert [row["action"] for row in csv.DictReader(rows)] == ["changed", "added"]
    assert precedent("audit", "--out", tmp_path / "audit.xlsx", "--tenant", tenant)[0] == 2


@pytest.mark.parametrize("command", ["member", "token"])
def test_the_platform_has_its_own(precedent: Call, command: str) -> None:
    assert precedent(command, "list", "--platform")[0] == 0


def test_the_hub_starts_only_where_it_can_be_trusted(precedent: Call) -> None:
    code, _, error = precedent("hub", "--host", "192.0.2.1")
    assert (code, "put a proxy with TLS before it" in error) == (2, True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, error = precedent("hub", "--port", taken.getsockname()[1])
    assert (code, "is taken" in error) == (1, True)
