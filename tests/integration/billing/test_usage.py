"""The ledger read by group, range and tenant."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from precedent.database.session import Database
from precedent.providers.billing import usage as store
from precedent.providers.billing.usage import Period, money
from precedent.providers.errors import ProviderError
from precedent.providers.testing.behaviour import Behaviour
from precedent.providers.testing.wires import OpenAIWire
from precedent.settings import Settings
from precedent.sources import repository as sources
from precedent.tenants import policies
from tests.integration.calls.callers import Call, Caller, by_key, usage


@pytest.fixture
def caller(database: Database, tenant: str) -> Iterator[Caller]:
    caller = Caller(database, Settings.from_environment(), tenant)
    with caller.open:
        yield caller


def test_usage_is_what_the_calls_were(precedent: Call, caller: Caller) -> None:
    server = caller.serve(OpenAIWire())
    vectors = caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 0.02})
    writer = caller.add("writer", "openai", "text_generation", server)
    rules = caller.add("rules", "local", "text_generation")
    caller.embed(vectors)
    caller.embed(vectors, 2)
    caller.ask(writer)
    caller.ask(rules, asset=None)
    server.behave(Behaviour.STATUS, status=401)
    with pytest.raises(ProviderError):
        caller.ask(writer)

    found = usage(precedent, caller.tenant)
    row = by_key(found)
    assert list(row) == ["vectors", "writer", "rules"]
    assert (row["vectors"]["calls"], row["vectors"]["inputs"], row["vectors"]["input_tokens"]) == (2, 5, 35)
    assert row["vectors"]["cost_usd"] == "0.0000007"
    assert (row["writer"]["calls"], row["writer"]["failed"], row["writer"]["unpriced_calls"]) == (2, 1, 1)
    assert row["writer"]["cost_usd"] is None
    assert (row["writer"]["input_tokens"], row["writer"]["output_tokens"], row["writer"]["cached_tokens"]) == (
        42,
        17,
        5,
    )
    assert row["rules"]["cost_usd"] == "0.00"
    assert 0 < row["vectors"]["median_ms"] <= row["vectors"]["p95_ms"]
    assert found["total"]["calls"] == 5
    assert found["total"]["cost_usd"] == "0.0000007"
    assert found["total"]["attempts"] == sum(attempts for (attempts,) in caller.rows("attempts"))
    assert found["budget"] == {
        "month": datetime.now(UTC).strftime("%Y-%m-01"),
        "spent_usd": "0.0000007",
        "reserved_usd": "0.00",
        "limit_usd": None,
        "unpriced_calls": 1,
        "share": None,
    }
    assert by_key(usage(precedent, caller.tenant, "--by", "model"))["gpt-6-luna"]["calls"] == 2
    assert by_key(usage(precedent, caller.tenant, "--by", "operation"))["generate"]["calls"] == 3
    assert by_key(usage(precedent, caller.tenant, "--by", "asset"))[None]["calls"] == 1
    assert usage(precedent, caller.tenant, "--by", "day")["rows"][0]["key"] == datetime.now(UTC).date().isoformat()


def test_the_table_says_unpriced_and_the_budget(precedent: Call, caller: Caller, archive: Path) -> None:
    precedent("source", "add", f"{caller.tenant}/records", archive)
    source = sources.get(caller.database, f"{caller.tenant}/records")
    policies.save(caller.database, caller.id, source.id, {"allow_external": False})
    server = caller.serve(OpenAIWire())
    writer = caller.add("writer", "openai", "text_generation", server)
    vectors = caller.add("vectors", "openai", "embedding", server, cost={"input_per_million": 0.02})
    caller.ask(writer)
    policies.save(caller.database, caller.id, None, {"monthly_budget_usd": Decimal("0.00001")})
    caller.embed(vectors)
    with pytest.raises(ProviderError):
        caller.ask(writer)
    with caller.database.bulk(caller.id) as connection:
        for seconds in (60, -60):
            connection.execute(
                "INSERT INTO budget_reservations (tenant_id, month, amount_usd, provider, expires_at) "
                "VALUES (%s, budget_month(now()), 0.000004, 'x', now() + make_interval(secs => %s))",
                (caller.id, seconds),
            )
    code, out, error = precedent("usage", "--tenant", caller.tenant, "--by", "asset")
    assert (code, error) == (0, "")
    words = " ".join(out.replace("│", " ").split())
    assert "incidents/recommendations 2 0 1 2 42 17 5 unpriced 1" in words
    assert "vectors/embeddings 1 0 0 3 21 0 0 0.00000042 0" in words
    assert "0.00000042 USD spent, 0.000004 reserved, of 0.00001 (44.2% taken); 1 unpriced call is not in it" in words
    assert usage(precedent, caller.tenant)["budget"]["share"] == pytest.approx(0.442)


def test_days_of_utc_and_the_edges_of_a_range(precedent: Call, caller: Caller) -> None:
    for day, cost, latency in ((1, "0.1", 10), (2, "0.2", 20), (2, None, 30), (3, "0.0000000001", 40)):
        caller.insert(datetime(2026, 3, day, 23, 59, 59, 999999, UTC), cost=cost, latency=latency)
    caller.insert(datetime(2026, 3, 4, tzinfo=UTC), cost="5")
    found = usage(precedent, caller.tenant, "--range", "2026-03-01..2026-03-03", "--by", "day")
    assert [(row["key"], row["calls"], row["cost_usd"], row["unpriced_calls"]) for row in found["rows"]] == [
        ("2026-03-01", 1, "0.10", 0),
        ("2026-03-02", 2, "0.20", 1),
        ("2026-03-03", 1, "0.0000000001", 0),
    ]
    assert (found["total"]["calls"], found["total"]["cost_usd"]) == (4, "0.3000000001")
    assert found["total"]["mean_ms"] == 25
    assert found["total"]["p95_ms"] == pytest.approx(38.5)


@pytest.mark.parametrize(("text", "days"), [("24h", 1), ("7d", 7), ("4w", 28), ("3m", 90)])
def test_a_range_goes_back_from_now(text: str, days: int) -> None:
    now = datetime(2026, 5, 31, 12, tzinfo=UTC)
    period = Period.parse(text, now)
    assert period.end == now
    assert period.start == (datetime(2026, 2, 28, 12, tzinfo=UTC) if text == "3m" else now - timedelta(days=days))
    assert len(period.days) == (now.date() - period.start.date()).days + 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--range", "yesterday"], 2, "A range is 24h"),
        (["--range", "0d"], 2, "A range is 24h"),
        (["--range", "-3d"], 2, "A range is 24h"),
        (["--range", "2026-11-01"], 2, "A range is 24h"),
        (["--range", "2026-11-31..2026-12-01"], 2, "A range is 24h"),
        (["--range", "2026-11-02..2026-11-01"], 2, "ends before it starts"),
        (["--range", "999999m"], 2, "further than the calendar"),
        (["--by", "poem"], 2, "There is no group 'poem'"),
        (["--plot", "usage.pdf"], 2, "draws a PNG"),
        (["--plot", "/no/such/folder/usage.png"], 1, "cannot be written"),
        (["--tenant", "nobody"], 1, "There is no tenant 'nobody'"),
        (["--range", "1d", "reprice"], 2, "behind the command"),
        (["reprice", "--range", "soon"], 2, "A range is 24h"),
        (["reprice", "--provider", "nobody"], 1, "know a provider 'nobody'"),
        (["reconcile", "--provider", "nobody"], 1, "There is no provider 'nobody'"),
    ],
)
def test_a_wrong_call_says_what_to_do(precedent: Call, arguments: list[str], code: int, words: str) -> None:
    found, out, error = precedent("usage", *arguments)
    assert (found, out) == (code, "")
    assert words in error
    assert error.count("\n") == 1


def test_no_tenant_sees_anothers_usage(precedent: Call, caller: Caller) -> None:
    other = f"other-{uuid4().hex[:8]}"
    precedent("tenant", "add", other)
    stranger = Caller(caller.database, caller.settings, other)
    server = caller.serve(OpenAIWire())
    caller.embed(caller.add("mine", "openai", "embedding", server))
    stranger.embed(stranger.add("theirs", "openai", "embedding", server, cost={"input_per_million": 2}))
    assert list(by_key(usage(precedent, caller.tenant))) == ["mine"]
    assert usage(precedent, caller.tenant)["budget"]["spent_usd"] == "0.00"
    caller.add("mine", "openai", "embedding", server, cost={"input_per_million": 1})
    assert usage(precedent, caller.tenant, "reprice", "--all")["changed"] == 1
    assert stranger.rows("cost_usd") == [(Decimal("0.000042"),)]
    assert precedent("usage", "reprice", "--provider", "theirs", "--tenant", caller.tenant)[0] == 1


def test_the_picture_of_the_command_line(precedent: Call, caller: Caller, tmp_path: Path) -> None:
    caller.embed(
        caller.add("vectors", "openai", "embedding", caller.serve(OpenAIWire()), cost={"input_per_million": 2})
    )
    code, out, _ = precedent("usage", "--tenant", caller.tenant, "--plot", tmp_path / "usage.png")
    assert code == 0
    assert "Drawn to" in out
    assert (tmp_path / "usage.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "unpriced"),
        ("0", "0.00"),
        ("0E-10", "0.00"),
        ("1E-10", "0.0000000001"),
        ("12.5", "12.50"),
        ("-0.3000000000", "-0.30"),
        ("1E+3", "1000.00"),
    ],
)
def test_money_is_exact(amount: str | None, words: str) -> None:
    assert money(Decimal(amount) if amount is not None else None) == words


def test_the_ledgers_clock_is_the_databases(database: Database, owner_dsn: str) -> None:
    with psycopg.connect(owner_dsn) as connection:
        assert abs(store.now(connection) - datetime.now(UTC)) < timedelta(seconds=5)
