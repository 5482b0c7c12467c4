"""The report of what all tenants spend, and its picture."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.reports.usage_cost import MOST_BYTES, usage_cost
from orchestration.definitions import defs
from orchestration.instance import dagster_instance
from precedent.database.embedded import EmbeddedServer
from precedent.database.session import Database
from precedent.providers.billing.plots import Bars, Latency, usage_figure
from precedent.providers.billing.usage import Cell, Figures, Period
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from resources.database import DatabaseResource
from tests.integration.calls.callers import Caller


@pytest.fixture
def caller(database: Database, tenant: str) -> Iterator[Caller]:
    caller = Caller(database, Settings.from_environment(), tenant)
    with caller.open:
        yield caller


def materialise(settings: Settings, database: Database, **config: Any) -> dict[str, Any]:
    with dagster_instance(settings, database.endpoints) as instance:
        result = dg.materialize(
            [usage_cost],
            resources={"database": DatabaseResource()},
            instance=instance,
            run_config={"ops": {"reports__usage_cost": {"config": config}}},
        )
    assert result.success
    made = result.asset_materializations_for_node("reports__usage_cost")[0]
    return {**made.metadata, "version": (made.tags or {})["dagster/data_version"]}


def test_the_report_adds_tenants_up_and_changes_with_the_figures(caller: Caller) -> None:
    server = caller.serve(OpenAIWire())
    vectors = caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 200_000_000})
    before = materialise(caller.settings, caller.database)
    caller.embed(vectors)
    caller.ask(caller.add("writer", "openai", "text_generation", server))
    for number in range(30):
        caller.insert(datetime.now(UTC), provider=f"p{number}", model="m" * 60, cost="400")
    after = materialise(caller.settings, caller.database)
    assert after["version"] != before["version"]
    assert after["version"] == materialise(caller.settings, caller.database)["version"]
    gained = float(after["cost/usd"].value) - float(before["cost/usd"].value if "cost/usd" in before else 0)
    assert gained == pytest.approx(16_200)
    assert after["cost/unpriced_calls"].value == before["cost/unpriced_calls"].value + 1
    assert after["calls/total"].value == before["calls/total"].value + 32
    assert after["tokens/input"].value == before["tokens/input"].value + 21 + 42 + 30_000
    records = [record.data for record in after["cost/by_model"].records]
    own = [record for record in records if record["tenant"] == caller.tenant]
    assert own[0]["usd"] == "4200.00"
    assert own[1]["provider"] in {f"p{number}" for number in range(30)}
    assert after["cost/by_model_left_out"].value >= 31 - len(records)
    for name, value in after.items():
        if hasattr(value, "records"):
            assert sum(len(json.dumps(record.data)) for record in value.records) <= MOST_BYTES, name
    assert server.wire.key not in str(after)  # type: ignore[attr-defined]
    picture = base64.b64decode(after["plot"].value.split("base64,")[1].rstrip(")"))
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000


def test_an_empty_ledger_has_a_report_too(platform_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEDENT_HOME", str(tmp_path / "home"))
    settings = Settings.from_environment()
    database = Database.open(settings)
    try:
        found = materialise(settings, database, days=7)
    finally:
        database.close()
        EmbeddedServer(settings.home).stop()
    assert (found["calls/total"].value, found["cost/usd"].value) == (0, 0.0)
    assert "cost/by_model" not in found


def test_the_report_has_a_job_of_its_own() -> None:
    key = dg.AssetKey(["reports", "usage_cost"])
    assert key not in defs.resolve_job_def("refresh").asset_layer.executable_asset_keys
    assert defs.resolve_job_def("report_usage").asset_layer.executable_asset_keys == {key}


@pytest.mark.parametrize("providers", [0, 1, 5, 6, 20])
@pytest.mark.parametrize("cost", [None, "0", "0.00001"])
@pytest.mark.parametrize("days", [1, 400])
def test_a_picture_of_anything(providers: int, cost: str | None, days: int) -> None:
    span = Period.whole_days(days, datetime(2026, 11, 20, 5, tzinfo=UTC)).days
    figures = Figures(calls=2, known_usd=Decimal(cost or 0), unpriced_calls=cost is None, input_tokens=int(cost != "0"))
    cells = [Cell(f"{'tenant' * 8}/{n}", "m", "embed", None, span[n % days], figures) for n in range(providers)]
    latencies = [Latency(cell.provider, 1, 0.0, 0.0) for cell in cells]
    picture = usage_figure("title", span, cells, latencies)
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("days", "each"), [(92, "per day"), (93, "per week"), (645, "per 28 days"), (9000, "per 98 days")]
)
def test_bars_hold_every_day_and_stay_wide_enough(days: int, each: str) -> None:
    span = Period.whole_days(days, datetime(2026, 11, 20, 5, tzinfo=UTC)).days
    bars = Bars.of(span)
    assert (bars.each, bars.count <= 92) == (each, True)
    assert sum(bars.sums((day, 1.0) for day in span)) == days
    assert bars.start(bars.count - 1) <= span[-1]
