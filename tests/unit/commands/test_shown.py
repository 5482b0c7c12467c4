"""What commands tell people of calls and providers."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from orchestration.cli import output
from orchestration.cli.operations.refresh import cost_of, models_of
from orchestration.cli.providers import tables as provider_tables
from orchestration.cli.providers import usage_tables
from orchestration.refresh_run import RefreshOutcome
from precedent.providers.base import Capability
from precedent.providers.billing.usage import Figures, Line
from precedent.providers.config.provider import Provider
from precedent.providers.config.repository import StoredProvider
from precedent.providers.config.views import Origin, ProviderView
from precedent.providers.health import UNSEEN
from precedent.security.credentials import CredentialView

PROVIDER = Provider(
    name="writer", driver="openai", capability=Capability.TEXT_GENERATION, model="gpt-6-luna", active=True
)
KEY = CredentialView(True, "6789", "c820ddf39344", "d0ce60d4")
WRITER = ProviderView(StoredProvider(1, 1, PROVIDER, 1), Origin.ROW, PROVIDER.fingerprint, True, KEY, UNSEEN)
USED = Line("sentence_transformers", Figures(calls=1_234, input_tokens=5_678_901), 500.0, 480.0, 1_153.7)


def outcome(**layers: dict[str, Any]) -> RefreshOutcome:
    return RefreshOutcome("default/jira", "run", True, 1.0, layers=layers)


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Any:
    def of(columns: int) -> Console:
        console = Console(width=columns, highlight=False, record=True)
        monkeypatch.setattr(output, "console", lambda: console)
        return console

    return of


@pytest.mark.parametrize(
    ("usd", "unpriced", "words"),
    [
        ((), 0, "cost 0.00 USD"),
        (("0.000025", "0.25"), 0, "cost 0.250025 USD"),
        (("0", "1.5"), 1, "cost 1.50 USD besides calls without a known price"),
        (("0",), 3, "cost 0.00 USD besides calls without a known price"),
    ],
)
def test_runs_cost_what_the_ledger_says_of_each(usd: tuple[str, ...], unpriced: int, words: str) -> None:
    runs = [replace(outcome(), cost_usd=Decimal(each), unpriced_calls=unpriced) for each in usd]
    assert cost_of(runs) == words


def test_the_models_of_a_run_are_named_once() -> None:
    named = {"provider/model": "one"}
    assert models_of(outcome(vectors=named, reports={}, incidents={"provider/model": "two"}, more=named)) == [
        "one",
        "two",
    ]


@pytest.mark.parametrize(("columns", "shown"), [(80, False), (200, True)])
def test_usage_leaves_out_columns_where_the_terminal_is_narrow(wide: Any, columns: int, shown: bool) -> None:
    console = wide(columns)
    usage_tables.show("Usage", "provider", [USED], replace(USED, key=None))
    text = console.export_text()
    assert ("p95 ms" in text) is shown
    assert "sentence_transformers" in text
    assert "5,678,901" in text


@pytest.mark.parametrize(("external", "words"), [(True, "yes, it is external"), (False, "no"), (None, "unknown")])
def test_where_the_driver_is_gone_nobody_knows_whether_texts_leave(
    wide: Any, external: bool | None, words: str
) -> None:
    console = wide(120)
    provider_tables.show_provider(replace(WRITER, external=external))
    (line,) = [line for line in console.export_text().splitlines() if "texts leave" in line]
    assert f" {words} " in line


def test_the_list_leaves_the_encrypting_key_to_show(wide: Any) -> None:
    console = wide(120)
    provider_tables.show_providers("default", [WRITER])
    assert "d0ce60d4" not in console.export_text()
    provider_tables.show_provider(WRITER)
    assert "d0ce60d4" in console.export_text()
