"""What a quality report pays a provider for: the first one its samples, every later one what has changed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.providers.testing.server import LoopbackServer
from precedent.providers.testing.wires import OpenAIWire, base
from precedent.settings import Settings
from tests.integration.conftest import issue, write_lines

Call = Callable[..., tuple[int, str, str]]
WORDS = ("pool", "renderer", "disk", "certificate", "queue", "login", "gateway", "scheduler", "cache", "index")
ISSUES = 150
# Texts that the first report embeds again: 64 canaries, 64 titles, 32 bodies, some of which are canaries too.
FIRST = range(140, 161)


def report_of(number: int, ending: str = "") -> dict[str, Any]:
    word = WORDS[number % 10]
    title = f"The {word} number {number} fails after the update"
    return issue(
        number, title, f"It began on day {number}: the {word} stops, and every {number} minutes again.{ending}"
    )


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(OpenAIWire()) as running:
        yield running


def use(database: Database, tenant: str, server: LoopbackServer, **changes: Any) -> None:
    wire = OpenAIWire()
    values: dict[str, Any] = {
        "name": "vectors",
        "driver": "openai",
        "capability": "embedding",
        "base_url": wire.base_url(server.url),
        "credentials": {"api_key": wire.key},
        "active": True,
        "options": {"dimensions": 8},
        "cost": {"input_per_million": 1},
        "model": "text-embedding-3-small",
        **changes,
    }
    save(database, Settings.from_environment(), tenant, Provider.model_validate(values), replace=True)


@pytest.fixture
def source(precedent: Call, database: Database, tenant: str, server: LoopbackServer, tmp_path: Path) -> str:
    folder = tmp_path / "reports"
    folder.mkdir()
    write_lines(folder / "issues.jsonl", [report_of(n) for n in range(1, ISSUES + 1)])
    use(database, tenant, server)
    assert precedent("source", "add", f"{tenant}/records", folder)[0] == 0
    return f"{tenant}/records"


@pytest.fixture
def refresh(precedent: Call, source: str, server: LoopbackServer) -> Callable[[], tuple[int, int, dict[str, Any]]]:
    """Refreshes; gives how many texts were sent in all, how many for the report, and what the report says."""

    def call() -> tuple[int, int, dict[str, Any]]:
        before = len(server.calls)
        # The vectors of this server are those of no language: the report has its verdict, which is not looked at here.
        _, out, _ = precedent("refresh", source, "--json")
        report = json.loads(out)["layers"]["reports/vector_quality"]
        sent = sum(len(request.json["input"]) for request in server.calls[before:])
        return sent, int(report["report/embedded_again"]), report

    return call


def test_an_edit_pays_for_itself_and_not_for_the_whole_sample(refresh: Any, tmp_path: Path) -> None:
    sent, again, _ = refresh()
    assert again in FIRST
    assert sent == ISSUES + again
    lines = [report_of(n, " Nobody knows why." if n == 7 else "") for n in range(1, ISSUES + 1)]
    write_lines(tmp_path / "reports" / "issues.jsonl", lines)
    sent, again, report = refresh()
    assert report["quality/canary_mean_cosine"] > 0.999
    # The passage; and for the report that passage again where it is in the sample, and one canary.
    assert again <= 3
    assert sent == 1 + again


def test_another_revision_of_the_provider_is_asked_for_all_and_drift_is_found(
    refresh: Any,
    database: Database,
    tenant: str,
    server: LoopbackServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refresh()
    known = base.vector_of
    monkeypatch.setattr(base, "vector_of", lambda text, length: known(f"revised: {text}", length))
    # The same model as far as the space knows, at another address.
    use(database, tenant, server, base_url=OpenAIWire().base_url(server.url).replace("127.0.0.1", "localhost"))
    write_lines(tmp_path / "reports" / "issues.jsonl", [report_of(n) for n in range(1, ISSUES + 2)])
    _, again, report = refresh()
    assert again in FIRST
    assert report["quality/canary_below_099"] > 0.9


def test_a_model_that_changes_behind_its_name_is_found_by_the_next_report(
    refresh: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh()
    known = base.vector_of
    monkeypatch.setattr(base, "vector_of", lambda text, length: known(f"revised: {text}", length))
    write_lines(tmp_path / "reports" / "issues.jsonl", [report_of(n) for n in range(1, ISSUES + 2)])
    _, again, report = refresh()
    assert again <= 4
    assert report["quality/canary_below_099"] > 0.01
    assert "canary_below_099" in report["quality/failed_gates"]
