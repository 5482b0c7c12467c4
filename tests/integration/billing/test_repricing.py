"""Prices put right afterwards: shown first, taken into the months, and the same again."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from precedent.database.session import Database
from precedent.providers.billing import repricing
from precedent.providers.billing.repricing import reprice
from precedent.providers.billing.usage import Period
from precedent.providers.errors import ProviderError
from precedent.providers.testing.behaviour import Behaviour
from precedent.providers.testing.wires import GatewayWire, OpenAIWire
from precedent.settings import Settings
from tests.integration.calls.callers import INSERT, MODELS, Call, Caller, usage


@pytest.fixture
def caller(database: Database, tenant: str) -> Iterator[Caller]:
    caller = Caller(database, Settings.from_environment(), tenant)
    with caller.open:
        yield caller


def test_repricing_shows_first_then_prices_once(precedent: Call, caller: Caller) -> None:
    server = caller.serve(OpenAIWire())
    vectors = caller.add("vectors", "openai", "embedding", server)
    for _ in range(3):
        caller.embed(vectors)
    server.behave(Behaviour.STATUS, status=400)
    with pytest.raises(ProviderError):
        caller.embed(vectors)
    assert usage(precedent, caller.tenant, "reprice")["changed"] == 0
    caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 0.021})

    before = caller.rows("cost_usd, cost_source, input_price_usd")
    dry = usage(precedent, caller.tenant, "reprice", "--dry-run")
    assert (dry["changed"], dry["difference_usd"]) == (3, "0.000001323")
    (row,) = dry["rows"]
    assert (row["before_usd"], row["after_usd"], row["priced"], row["unpriced"]) == (None, "0.000001323", 3, 0)
    assert caller.rows("cost_usd, cost_source, input_price_usd") == before
    assert caller.drift() == []

    done = usage(precedent, caller.tenant, "reprice")
    assert {**done, "dry_run": True, "to": 0, "from": 0} == {**dry, "to": 0, "from": 0}
    priced = (Decimal("0.000000441"), "row", Decimal("0.000000021"))
    assert caller.rows("cost_usd, cost_source, input_price_usd") == [priced] * 3 + [(Decimal(0), None, None)]
    assert usage(precedent, caller.tenant)["budget"]["spent_usd"] == "0.000001323"
    assert caller.drift() == []
    assert usage(precedent, caller.tenant, "reprice")["rows"] == []
    again = usage(precedent, caller.tenant, "reprice", "--all")
    assert (again["changed"], again["rows"][0]["calls"]) == (0, 3)
    out = precedent("usage", "reprice", "--all", "--dry-run", "--tenant", caller.tenant)[1]
    assert "No call would change." in out


def test_all_takes_a_changed_price_back_in_time_but_never_a_gateways(precedent: Call, caller: Caller) -> None:
    server, proxy = caller.serve(OpenAIWire()), caller.serve(GatewayWire())
    vectors = caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 3})
    gateway = caller.add("proxy", "gateway", "text_generation", proxy)
    caller.embed(vectors)
    caller.ask(gateway)
    now = datetime.now(UTC)
    caller.insert(now - timedelta(days=40), provider="vectors", cost="0.003", source="row")
    caller.insert(now - timedelta(days=40), provider="odd", driver="not-installed", cost="7", source="row")
    # The price cannot be stored exactly: the second run must not see a difference.
    caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 0.00123})
    caller.add("proxy", "gateway", "text_generation", proxy, cost={"input_per_million": 1000})
    assert usage(precedent, caller.tenant, "reprice")["changed"] == 0
    found = usage(precedent, caller.tenant, "reprice", "--all")
    assert found["changed"] == 2
    assert found["difference_usd"] == "-0.0030617442"
    kept = next(row for row in found["rows"] if row["provider"] == "odd")
    assert (kept["kept"], kept["after_usd"]) == (1, "7.00")
    assert "There is no driver 'not-installed'" in kept["note"]
    assert set(caller.rows("provider, cost_usd")) == {
        ("vectors", Decimal("0.0000000258")),
        ("proxy", Decimal("0.0000125")),
        ("vectors", Decimal("0.00000123")),
        ("odd", Decimal(7)),
    }
    assert caller.drift() == []
    assert usage(precedent, caller.tenant, "reprice", "--all")["changed"] == 0
    only = usage(precedent, caller.tenant, "reprice", "--all", "--provider", "odd")
    assert [row["provider"] for row in only["rows"]] == ["odd"]


def test_history_of_a_provider_that_is_gone_has_list_prices_by_the_call(precedent: Call, caller: Caller) -> None:
    for tokens in (1_000_000, 500):
        caller.insert(datetime.now(UTC), provider="gone", tokens=tokens)
    caller.insert(datetime.now(UTC), provider="gone", model="nobody-knows-this")
    found = usage(precedent, caller.tenant, "reprice")
    assert (found["changed"], found["difference_usd"]) == (2, "0.02001")
    assert [row["unpriced"] for row in found["rows"]] == [0, 1]
    assert found["rows"][1]["after_usd"] is None
    assert caller.rows("cost_usd, cost_source") == [
        (Decimal("0.02"), "genai-prices"),
        (Decimal("0.00001"), "genai-prices"),
        (None, None),
    ]


def test_many_rows_are_priced_in_batches_while_others_write(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "BATCH", 50)
    server = caller.serve(OpenAIWire())
    vectors = caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 2})
    start = datetime.now(UTC) - timedelta(days=70)
    with caller.database.bulk(caller.id) as connection, connection.cursor() as cursor:
        values = (caller.id, "vectors", "openai", MODELS["embedding"])
        # Many share a moment, and they are not in the order of their ids.
        moments = [start + timedelta(days=(number * 37) % 60) for number in range(420)]
        cursor.executemany(INSERT, [(values[0], at, *values[1:], 1000, None, None, 1) for at in moments])
    period = Period(start, datetime.now(UTC))
    found: list[int] = []
    errors: list[BaseException] = []

    def price() -> None:
        try:
            found.append(sum(item.changed for item in reprice(caller.database, caller.id, period)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=price) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        caller.embed(vectors)
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    assert sum(found) == 420
    assert caller.rows("count(*), sum(cost_usd)", "1") == [(425, Decimal("0.84021"))]
    assert caller.drift() == []


def test_history_of_the_environment_has_list_prices_only_at_the_vendors_address(
    precedent: Call, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", MODELS["embedding"])
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    for model in MODELS.values():
        caller.insert(datetime.now(UTC), provider="environment", model=model)
    assert usage(precedent, caller.tenant, "reprice")["changed"] == 0
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert usage(precedent, caller.tenant, "reprice")["difference_usd"] == "0.00012"


def test_calls_of_a_row_that_cannot_be_read_stay_as_they_are(precedent: Call, caller: Caller) -> None:
    caller.add("vectors", "openai", "embedding", caller.serve(OpenAIWire()), cost={"input_per_million": 2})
    caller.insert(datetime.now(UTC), provider="vectors")
    with caller.database.bulk(caller.id) as connection:
        connection.execute("UPDATE integrations SET model_config = '{\"nonsense\": 1}' WHERE name = 'vectors'")
    (row,) = usage(precedent, caller.tenant, "reprice")["rows"]
    assert (row["changed"], row["unpriced"], row["after_usd"]) == (0, 1, None)
    assert "There is no model option 'nonsense'" in row["note"]
