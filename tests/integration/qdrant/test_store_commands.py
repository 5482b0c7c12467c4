"""`precedent store`: added once it answers, shown without its key, tested, removed with its points."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.vector_stores import health
from tests.integration.providers.provider_servers import parsed
from tests.integration.qdrant.qdrant_tenants import ISSUES, Call, Filled
from tests.integration.qdrant.qdrant_wire import QdrantWire

pytest_plugins = ["tests.integration.qdrant.qdrant_tenants"]
KEY = "sesame-qdrant-0123456789"
ABSENT = "http://127.0.0.1:9"


@pytest.fixture
def wire() -> Iterator[QdrantWire]:
    with QdrantWire(KEY) as running:
        yield running


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


def test_a_store_is_added_once_it_has_answered(precedent: Call, tenant: str, wire: QdrantWire, key: Path) -> None:
    wrong = key.with_name("wrong")
    wrong.write_text("not-the-key-0123456789")
    code, _, error = precedent("store", "add", "main", "--url", wire.url, "--key-file", wrong, "--tenant", tenant)
    assert (code, "refuses the key" in error, "Nothing was saved" in error) == (1, True, True)
    assert "not-the-key" not in error
    assert parsed(precedent("store", "show", "--tenant", tenant, "--json")) == []
    found = parsed(
        precedent("store", "add", "main", "--url", f"{wire.url}/", "--key-file", key, "--tenant", tenant, "--json")
    )
    assert found["test"]["reachable"]
    assert found["test"]["version"] == "1.15.4"
    assert found["test"]["latency_ms"] > 0
    assert found["store"]["url"] == wire.url
    assert (found["store"]["isolation"], found["store"]["active"]) == ("shared", True)
    assert found["store"]["credentials"]["last_four"] == KEY[-4:]
    assert KEY not in json.dumps(found)
    assert {call.key for call in wire.seen if call.path == "/collections"} == {"not-the-key-0123456789", KEY}


def test_the_key_comes_from_standard_input_and_never_from_the_command_line(
    precedent: Call, tenant: str, wire: QdrantWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    code, out, _ = precedent("store", "add", "main", "--url", wire.url, "--key-stdin", "--tenant", tenant)
    assert (code, "It answered in" in out, "Fill it with" in out) == (0, True, True)
    assert precedent("store", "add", "other", "--url", wire.url, "--key", KEY, "--tenant", tenant)[0] == 2


def test_a_second_store_takes_the_place_of_the_first(precedent: Call, tenant: str, wire: QdrantWire, key: Path) -> None:
    options = ("--url", wire.url, "--key-file", key, "--tenant", tenant)
    precedent("store", "add", "one", *options)
    code, _, error = precedent("store", "add", "one", *options)
    assert (code, "say --replace" in error) == (2, True)
    assert parsed(precedent("store", "add", "two", *options, "--json"))["instead_of"] == "one"
    shown = parsed(precedent("store", "show", "--tenant", tenant, "--json"))
    assert [(item["name"], item["active"]) for item in shown] == [("two", True), ("one", False)]
    assert parsed(precedent("store", "add", "one", *options, "--replace", "--json"))["store"]["revision"] == 2


def test_a_replaced_store_keeps_its_key_and_only_for_its_own_server(
    precedent: Call, tenant: str, wire: QdrantWire, key: Path
) -> None:
    precedent("store", "add", "main", "--url", wire.url, "--key-file", key, "--tenant", tenant)
    again = ("store", "add", "main", "--tenant", tenant, "--replace")
    assert precedent(*again, "--url", wire.url)[0] == 0
    with QdrantWire() as elsewhere:
        code, _, error = precedent(*again, "--url", elsewhere.url)
        assert (code, "give its key again" in error) == (2, True)
        assert elsewhere.seen == []
    code, _, error = precedent(*again, "--url", wire.url, "--isolation", "collection")
    assert (code, "remove it, then add it" in error) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", ":memory:"], "is not for use: it ignores indexes"),
        (["--url", "/var/qdrant"], "is not for use: it ignores indexes"),
        (["--url", "https://user:word@host:6333"], "must not hold a user or password"),
        (["--url", ABSENT, "--isolation", "tenant"], "choose from shared, collection"),
        (["--url", "http://"], "is no address"),
    ],
)
def test_what_is_wrong_is_refused_before_anybody_is_called(
    precedent: Call, tenant: str, arguments: list[str], words: str
) -> None:
    code, _, error = precedent("store", "add", "main", *arguments, "--tenant", tenant)
    assert code == 2
    assert words in error


def test_a_store_that_does_not_answer_is_saved_only_when_told(precedent: Call, tenant: str) -> None:
    command = ("store", "add", "main", "--url", ABSENT, "--tenant", tenant)
    code, _, error = precedent(*command)
    assert (code, "cannot be reached" in error, "--no-test" in error) == (1, True, True)
    assert precedent(*command, "--no-test")[0] == 0
    code, out, error = precedent("store", "test", "main", "--tenant", tenant, "--json")
    assert (code, json.loads(out)["reachable"], "cannot be reached" in error) == (1, False, True)
    code, _, error = precedent("store", "test", "none", "--tenant", tenant)
    assert (code, "known: main" in error) == (1, True)


def test_an_old_server_is_refused(precedent: Call, tenant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.qdrant.qdrant_wire.VERSION", "1.10.1")
    with QdrantWire() as wire:
        code, _, error = precedent("store", "add", "main", "--url", wire.url, "--tenant", tenant)
    assert (code, "is Qdrant 1.10.1: 1.11 is the oldest" in error) == (1, True)


def test_the_policy_holds_for_the_address_when_it_is_saved_and_when_it_is_used(
    filled: Filled, wire: QdrantWire, database: Database
) -> None:
    owner = tenancy.get(database, filled.tenant)
    filled.use(wire.url, key=KEY)
    policies.save(database, owner.id, None, {"allow_private_addresses": False})
    code, _, error = filled.call("store", "add", "x", "--url", wire.url, "--tenant", filled.tenant)
    assert (code, "is a private one" in error) == (2, True)
    assert "is a private one" in filled.refresh("vectors", code=1)["error"]
    assert wire.seen == []
    policies.save(database, owner.id, None, {"allow_private_addresses": True, "allow_external": False})
    filled.mirror()
    with pytest.raises(UsageError, match="keeps its texts inside, and vectors tell much"):
        filled.use("https://1.1.1.1:6333", key=KEY)
    policies.save(database, owner.id, None, {"allow_external": True})
    policies.save(database, owner.id, filled.source.id, {"allow_external": False})
    with pytest.raises(UsageError, match="Source records keeps its texts inside"):
        filled.use("https://1.1.1.1:6333", key=KEY)


def test_a_key_without_tls_to_a_public_address_is_warned_of() -> None:
    from precedent.qdrant.client import Address

    words = ["The key for x travels unencrypted to a public address: use https."]
    assert health._warnings(Address("x", "http://1.1.1.1:6333", KEY)) == words
    assert health._warnings(Address("x", "https://1.1.1.1:6333", KEY)) == []
    assert health._warnings(Address("x", "http://127.0.0.1:6333", KEY)) == []
    assert health._warnings(Address("x", "http://1.1.1.1:6333")) == []


@pytest.mark.parametrize("isolation", ["shared", "collection"])
def test_a_removed_store_takes_its_points_along(
    settled: Filled, wire: QdrantWire, precedent: Call, isolation: str
) -> None:
    settled.use(wire.url, isolation, key=KEY, name=isolation)
    settled.mirror()
    (space,) = parsed(precedent("store", "show", isolation, "--tenant", settled.tenant, "--json"))["spaces"]
    assert (space["points"], space["vectors"], space["ready"], space["status"]) == (ISSUES, ISSUES, True, "active")
    assert "search asks it" in precedent("store", "show", isolation, "--tenant", settled.tenant)[1]
    code, _, error = precedent("store", "remove", isolation, "--tenant", settled.tenant)
    assert (code, f"and its points on {wire.url}: say --yes" in error) == (2, True)
    assert parsed(precedent("store", "remove", isolation, "--tenant", settled.tenant, "--yes", "--json")) == {
        "removed": isolation,
        "spaces_emptied": 1,
        "points_kept": False,
    }
    left = [item.name for item in wire.engine.get_collections().collections]
    assert sum(wire.engine.count(name).count for name in left) == 0
    assert bool(left) == (isolation == "shared")
    assert settled.vectors()


def test_a_store_that_is_down_is_removed_only_without_its_points(
    settled: Filled, wire: QdrantWire, precedent: Call
) -> None:
    settled.use(wire.url, key=KEY, name="down")
    settled.mirror()
    wire.close()
    command = ("store", "remove", "down", "--tenant", settled.tenant, "--yes")
    code, _, error = precedent(*command)
    assert (code, "Nothing was removed; --keep-points" in error) == (1, True)
    assert precedent(*command, "--keep-points")[0] == 0
    assert "down" not in precedent("store", "show", "--tenant", settled.tenant)[1]
