"""Secrets of providers: where they come from, where they never show up, and how they are encrypted anew."""

import io
import os
import pty
import select
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml
from cryptography.fernet import Fernet

from precedent.providers.testing.server import Behaviour, LoopbackServer
from tests.integration.providers.provider_servers import (
    KEY,
    TEXT,
    VECTORS,
    Add,
    Call,
    KnowingWire,
    health,
    parsed,
    stored,
)

pytest_plugins = ["tests.integration.providers.provider_fixtures"]


def read_until(terminal: int, sign: bytes, seconds: float = 60) -> bytes:
    """What a terminal shows until it shows the sign or ends."""
    seen = b""
    while sign not in seen and select.select([terminal], [], [], seconds)[0]:
        try:
            chunk = os.read(terminal, 1024)
        except OSError:  # the other end is closed
            break
        seen += chunk
    return seen


def test_the_key_comes_from_standard_input_or_a_mapping(
    precedent: Call, without_key: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY}\n"))
    assert precedent("provider", "add", "a", "--capability", TEXT, *without_key, "--key-stdin")[0] == 0
    for name, text in {"b": f"api_key: {KEY}\norganisation: ours-1234567", "c": f'{{"api_key": "{KEY}"}}'}.items():
        path = tmp_path / name
        path.write_text(text)
        assert precedent("provider", "add", name, "--capability", TEXT, *without_key, "--key-file", path)[0] == 0
    for text, words in {
        "": "it is empty",
        f"my key {KEY}": "neither a key alone",
        f'{{"api_key": "{KEY}': "neither a key alone",
        f"api_key: [{KEY}]": "each name one text",
    }.items():
        path.write_text(text)
        code, _, error = precedent("provider", "add", "d", "--capability", TEXT, *without_key, "--key-file", path)
        assert (code, words in error, KEY in error) == (2, True, False), error
    code, _, error = precedent(
        "provider", "add", "d", "--capability", TEXT, *without_key, "--key-file", tmp_path / "none"
    )
    assert (code, "cannot be read (No such file" in error) == (2, True)


def test_on_a_terminal_the_key_is_asked_for_and_not_shown(endpoint: LoopbackServer, tenant: str) -> None:
    ours, theirs = pty.openpty()
    command = [
        str(Path(sys.executable).with_name("precedent")),
        "provider",
        "add",
        "asked",
        "--driver",
        "openai",
        "--capability",
        TEXT,
        "--base-url",
        f"{endpoint.url}/v1",
        "--tenant",
        tenant,
    ]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        seen = b""
        while b"API key for OpenAI: " not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, f"{KEY}\n".encode())
        try:
            while chunk := os.read(ours, 1024):
                seen += chunk
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    assert "asked answered in" in seen.decode()
    assert KEY not in seen.decode()


def test_openai_variables_without_a_row_are_shown_redacted(
    precedent: Call, endpoint: LoopbackServer, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"API_KEY": KEY, "MODEL": "gpt-6-luna", "BASE_URL": f"{endpoint.url}/v1"}.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    listed = parsed(precedent("provider", "list", "--tenant", tenant, "--json"))
    (found,) = [item for item in listed if item["capability"] == TEXT]
    assert (found["name"], found["origin"], found["active"], found["model"]) == (
        "environment",
        "environment",
        True,
        "gpt-6-luna",
    )
    assert found["credentials"]["last_four"] == KEY[-4:]
    answer = precedent("provider", "test", "environment", "--tenant", tenant)
    assert (answer[0], KEY in "".join(answer[1:])) == (0, False)


def credentials(owner_dsn: str, tenant: str) -> dict[str, tuple[str, int]]:
    """Stored credentials and revisions by provider, as they lie on disk."""
    with psycopg.connect(owner_dsn) as connection:
        return {
            name: (value, revision)
            for name, value, revision in connection.execute(
                "SELECT i.name, i.credentials, i.revision FROM integrations i JOIN tenants t ON t.id = i.tenant_id "
                "WHERE t.name = %s AND i.type = 'ai_provider'",
                (tenant,),
            )
        }


@pytest.mark.usefixtures("two_providers")
def test_a_lost_key_is_named_and_nothing_is_overwritten(
    precedent: Call, without_key: Add, tenant: str, owner_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(owner_dsn, tenant)
    lost = credentials(owner_dsn, tenant)["writer"][0].split(":")[1]
    exported = tmp_path / "providers.yaml"
    monkeypatch.setenv("PRECEDENT_SECRET_KEYS", Fernet.generate_key().decode())
    for arguments in (
        ["test", "writer", "--tenant", tenant],
        ["add", "writer", "--capability", TEXT, *without_key, "--replace"],
        ["rotate-keys"],
        ["rotate-keys", "--dry-run"],
    ):
        code, _, error = precedent("provider", *arguments)
        assert (code, f"encrypted with key {lost}" in error) == (1, True), arguments
    assert precedent("provider", "export", exported, "--tenant", tenant)[0] == 0
    monkeypatch.setenv("WRITER_API_KEY", KEY)
    monkeypatch.setenv("VECTORS_API_KEY", KEY)
    code, _, error = precedent("provider", "apply", exported, "--tenant", tenant)
    assert (code, f"encrypted with key {lost}" in error) == (1, True)
    for item in parsed(precedent("provider", "list", "--tenant", tenant, "--json")):
        if item["origin"] == "row":
            assert item["credentials"] == {
                "has_key": True,
                "last_four": None,
                "fingerprint": None,
                "key_id": lost,
            }
    assert f"unreadable (no key {lost})" in precedent("provider", "show", "writer", "--tenant", tenant)[1]
    monkeypatch.setenv("PRECEDENT_SECRET_KEYS_FILE", str(tmp_path / "nowhere"))
    for text, words in {"": "which cannot be read", "not-a-key": "is no Fernet key"}.items():
        monkeypatch.setenv("PRECEDENT_SECRET_KEYS", text)
        assert precedent("provider", "list", "--tenant", tenant)[0] == 0
        assert words in precedent("provider", "test", "writer", "--tenant", tenant)[2]
    assert stored(owner_dsn, tenant) == before


@pytest.mark.usefixtures("two_providers")
def test_keys_are_rotated_and_the_old_ones_kept(
    precedent: Call, tenant: str, owner_dsn: str, platform_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = platform_home / "secret-keys"
    before, keys = credentials(owner_dsn, tenant), path.read_text().split()
    assert parsed(precedent("provider", "rotate-keys", "--dry-run", "--new-key", "--json"))["rotated"] >= 2
    assert (credentials(owner_dsn, tenant), path.read_text().split()) == (before, keys)
    done = parsed(precedent("provider", "rotate-keys", "--new-key", "--json"))
    assert (done["rotated"] >= 2, done["current"]) == (True, 0)
    assert path.read_text().split()[1:] == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in platform_home.iterdir() if item.name.startswith(".secret-keys")] == []
    after = credentials(owner_dsn, tenant)
    for name, (value, revision) in after.items():
        assert value.split(":")[1] == done["newest_key"]
        assert value != before[name][0]
        assert revision == before[name][1], "a rotated key is no edit"
    again = parsed(precedent("provider", "rotate-keys", "--json"))
    assert (again["rotated"], again["current"]) == (0, done["rotated"])
    assert credentials(owner_dsn, tenant) == after
    assert precedent("provider", "test", "writer", "--tenant", tenant)[0] == 0
    monkeypatch.setenv("PRECEDENT_SECRET_KEYS", keys[0])
    fresh = parsed(precedent("provider", "rotate-keys", "--new-key", "--json"))["new_key"]
    assert Fernet(fresh)
    assert fresh not in path.read_text(), "where keys come from the environment nothing is written"


def test_a_planted_key_shows_up_nowhere(
    precedent: Call,
    endpoint: LoopbackServer,
    tenant: str,
    adding: Add,
    owner_dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "providers.yaml"
    monkeypatch.setenv("A_API_KEY", KEY)
    monkeypatch.setenv("B_API_KEY", f"{KEY}-changed")
    own = ["--tenant", tenant]
    commands: list[list[object]] = [
        ["add", "a", "--capability", TEXT, *adding, "--activate"],
        ["add", "b", "--capability", VECTORS, "--model", "vectors-1", *adding, "--json"],
        ["add", "b", "--capability", VECTORS, "--model", "vectors-1", *adding, "--replace"],
        ["list", *own],
        ["list", *own, "--json"],
        ["show", "a", *own],
        ["show", "a", *own, "--json"],
        ["test", "a", *own],
        ["test", "b", *own, "--json"],
        ["models", "a", *own],
        ["models", "a", *own, "--json"],
        ["export", *own],
        ["export", file, *own],
        ["apply", file, *own, "--dry-run"],
        ["apply", file, *own, "--dry-run", "--json"],
        ["apply", file, *own],
        ["deactivate", "a", *own],
        ["activate", "a", *own, "--json"],
        ["rotate-keys"],
        ["remove", "b", "--yes", *own],
    ]
    heard = [precedent("provider", *arguments) for arguments in commands]
    assert [answer[0] for answer in heard] == [0] * 15 + [1] + [0] * 4, "the changed key is refused by the endpoint"
    endpoint.behave(Behaviour.STATUS, status=401, message=f"Incorrect API key provided: {KEY}.")
    heard += [precedent("provider", "test", "a", *own), precedent("provider", "test", "a", *own, "--json")]
    heard += [precedent("provider", "list", *own, "--json"), precedent("provider", "show", "a", *own)]
    assert "[redacted]" in heard[-4][2]
    assert health(owner_dsn, tenant, "a")[1:] == (1, True)
    with psycopg.connect(owner_dsn) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [connection.execute(f"SELECT x::text FROM {name} x").fetchall() for (name,) in tables]
    assert KEY not in str(heard)
    assert KEY not in str(rows)
    assert KEY not in file.read_text()


def test_a_stored_key_is_not_sent_to_another_server(
    precedent: Call, adding: Add, tenant: str, tmp_path: Path, owner_dsn: str
) -> None:
    parsed(precedent("provider", "add", "writer", "--capability", TEXT, *adding, "--json"))
    before = stored(owner_dsn, tenant)
    with LoopbackServer(KnowingWire()) as elsewhere:
        moved = ("--driver", "openai", "--base-url", f"{elsewhere.url}/v1", "--tenant", tenant)
        code, _, error = precedent("provider", "add", "writer", "--capability", TEXT, *moved, "--replace")
        assert (code, "moves to another server: give its key again" in error) == (2, True)
        declared = yaml.safe_load(precedent("provider", "export", "--tenant", tenant)[1])
        entry = declared["providers"]["writer"]
        entry["base_url"] = f"{elsewhere.url}/v1"
        entry.pop("credentials", None)
        file = tmp_path / "providers.yaml"
        file.write_text(yaml.safe_dump(declared))
        code, _, error = precedent("provider", "apply", file, "--tenant", tenant)
        assert (code, "moves to another server: give its key again" in error) == (2, True)
        assert elsewhere.requests == []
    assert stored(owner_dsn, tenant) == before
