"""A key that was planted in a row is looked for wherever Dagster and the platform write."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.behaviour import Step
from precedent.providers.testing.server import Behaviour, LoopbackServer
from precedent.providers.testing.wires import WIRES
from precedent.settings import Settings
from tests.integration.providers.provider_servers import RECOMMENDATION

Call = Callable[..., tuple[int, str, str]]
MARK = "planted-secret"
# The SDKs at their most talkative.
TALKATIVE = {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug", "HTTPX_LOG_LEVEL": "debug", "MISTRAL_DEBUG": "1"}


def key_of(driver: str) -> str:
    return f"{MARK}-{driver.replace('_', '-')}-0123456789abcdef"


@pytest.fixture
def source(precedent: Call, tenant: str, archive: Path) -> str:
    assert precedent("source", "add", f"{tenant}/records", archive)[0] == 0
    code, _, error = precedent(
        "refresh", f"{tenant}/records", "--select", "raw", "--select", "text", "--select", "vectors", "--json"
    )
    assert code == 0, error
    return f"{tenant}/records"


@pytest.fixture
def configured(database: Database, source: str) -> Iterator[Callable[..., LoopbackServer]]:
    """Configure a driver with its planted key against a server that repeats the key wherever it can."""
    opened: list[LoopbackServer] = []

    def configure(driver: str, capability: Capability = Capability.TEXT_GENERATION) -> LoopbackServer:
        wire = WIRES[driver](key=key_of(driver))
        server = LoopbackServer(wire, answer=RECOMMENDATION).__enter__()
        opened.append(server)
        provider = {
            "name": "planted",
            "driver": driver,
            "capability": capability,
            "model": wire.models[capability],
            "base_url": wire.base_url(server.url),
            "options": wire.options(server.url),
            "credentials": {"api_key": key_of(driver)},
            "performance": {"max_attempts": 2, "timeout_s": 5},
            "active": True,
        }
        tenant = source.split("/")[0]
        save(database, Settings.from_environment(), tenant, Provider.model_validate(provider), replace=True)
        return server

    yield configure
    for server in opened:
        server.close()


def echoing(driver: str) -> list[Step]:
    """Errors that say the key aloud, then an answer that does."""
    key = key_of(driver)
    return [
        Step(Behaviour.STATUS, status=500, message=f"upstream said no to Bearer {key}", headers={"x-echo": key}),
        Step(Behaviour.STATUS, status=401, message=f"Incorrect API key provided: {key}", headers={"x-echo": key}),
    ]


def tables(dsn: str) -> Iterator[str]:
    """Every row of every table of a database, as text."""
    with psycopg.connect(dsn) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (name,) in names:
            for (text,) in connection.execute(f"SELECT t::text FROM {name} t WHERE t::text LIKE '%{MARK}%'"):
                yield f"{name}: {text}"


def assert_nothing_leaked(owner_dsn: str, home: Path, *texts: str) -> None:
    for text in texts:
        assert MARK not in text
    for dsn in (owner_dsn, owner_dsn.replace("/precedent?", "/precedent_dagster?")):
        assert list(tables(dsn)) == []
    searched = 0
    for path in home.rglob("*"):
        if path.is_file() and home / "postgres" not in path.parents:
            searched += 1
            assert MARK.encode() not in path.read_bytes(), path
    assert searched


@pytest.mark.parametrize("driver", WIRES)
def test_a_planted_key_is_in_no_table_file_or_output(
    driver: str,
    precedent: Call,
    source: str,
    configured: Callable[..., LoopbackServer],
    owner_dsn: str,
    platform_home: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = configured(driver)
    tenant = source.split("/")[0]
    caplog.set_level("DEBUG")
    server.script(echoing(driver))
    refused = precedent("refresh", source, "--select", "incidents", "--json")
    assert refused[0] == 0
    assert server.calls
    analysis = precedent("recommend", "inc1", "--tenant", tenant, "--json")
    assert "local" in analysis[1]
    configured(driver)  # another edit: the breaker of the refused key is history
    answered = precedent("refresh", source, "--select", "incidents", "--full", "--json")
    assert answered[0] == 0
    assert '"fallback/used": false' in answered[1]
    assert_nothing_leaked(
        owner_dsn,
        platform_home,
        caplog.text,
        *map(str, (*refused, *analysis, *answered)),
    )


def test_a_run_in_a_process_of_its_own_keeps_the_key_out_of_compute_logs(
    source: str, configured: Callable[..., LoopbackServer], owner_dsn: str, platform_home: Path, database: Database
) -> None:
    from orchestration.instance import dagster_environment

    server = configured("openai")
    server.script(echoing("openai"))
    environment = {
        **os.environ,
        **dagster_environment(Settings.from_environment(), database.endpoints),
        **TALKATIVE,
    }
    command = [
        sys.executable,
        "-m",
        "dagster",
        "asset",
        "materialize",
        "-m",
        "orchestration.definitions",
        "--select",
        "incidents/recommendations",
        "--partition",
        source,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    logs = [path for path in platform_home.rglob("*") if path.suffix in (".out", ".err")]
    # The SDK did talk: without it this test would find nothing because nothing was said.
    assert any(b"openai" in path.read_bytes() for path in logs)
    assert_nothing_leaked(owner_dsn, platform_home, done.stdout, done.stderr)


def test_a_failing_run_keeps_the_key_out_of_its_traceback(
    precedent: Call,
    source: str,
    configured: Callable[..., LoopbackServer],
    owner_dsn: str,
    platform_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from precedent.providers.drivers.openai import OpenAIDriver

    def burst(self: OpenAIDriver, request: Any) -> Any:
        raise KeyError(f"headers: {{'Authorization': 'Bearer {self.provider.api_key}'}}")

    monkeypatch.setattr(OpenAIDriver, "generate", burst)
    configured("openai")
    results = [precedent("refresh", source, "--select", "incidents", "--json")]
    tenant = source.split("/")[0]
    results.append(precedent("recommend", "inc1", "--tenant", tenant, "--json"))
    assert results[0][0] == 0
    assert_nothing_leaked(owner_dsn, platform_home, *(str(part) for result in results for part in result))
