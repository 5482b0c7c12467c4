"""What calls have used and cost, read from the ledger.

An unknown cost is None and shown as `unpriced`: sums are of what is known, beside the number of calls they lack.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from dateutil.relativedelta import relativedelta
from psycopg import sql

from precedent.errors import UsageError

GROUPS = {
    "provider": "provider",
    "model": "model",
    "asset": "asset",
    "day": "(created_at AT TIME ZONE 'UTC')::date",
    "operation": "operation",
}
UNPRICED = "unpriced"
UNITS = {"h": "hours", "d": "days", "w": "weeks", "m": "months"}
PLAIN = re.compile(r"(\d{1,6})([hdwm])")

# Latencies are those of answers: a call that was not admitted takes no time, a timeout says what was configured.
FIGURES = """
  count(*), count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'refused'),
  coalesce(sum(inputs), 0)::bigint, coalesce(sum(input_tokens), 0)::bigint,
  coalesce(sum(output_tokens), 0)::bigint, coalesce(sum(cached_tokens), 0)::bigint,
  coalesce(sum(cost_usd), 0), count(*) FILTER (WHERE cost_usd IS NULL), coalesce(sum(attempts), 0)::bigint
"""
LATENCIES = """
  avg(latency_ms) FILTER (WHERE status = 'succeeded'),
  percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE status = 'succeeded'),
  percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) FILTER (WHERE status = 'succeeded')
"""
WITHIN = "FROM usage_records WHERE created_at >= %(start)s AND created_at < %(end)s"
GROUPED = f"""
SELECT grouping({{group}}) = 1, ({{group}})::text, {FIGURES}, {LATENCIES} {WITHIN}
GROUP BY GROUPING SETS (({{group}}), ())
"""
CELLS = f"""
SELECT provider, model, operation, asset, (created_at AT TIME ZONE 'UTC')::date, {FIGURES} {WITHIN}
GROUP BY 1, 2, 3, 4, 5 ORDER BY 5, 1, 2, 3, 4
"""
OF_RUN = f"SELECT {FIGURES} FROM usage_records WHERE dagster_run_id = %(run)s"  # noqa: S608 - FIGURES is a constant
OF_STEP = f"{OF_RUN} AND asset = %(asset)s"


@dataclass(frozen=True, slots=True)
class Period:
    """Moments from `start` up to, and without, `end`; both in UTC."""

    start: datetime
    end: datetime

    @classmethod
    def parse(cls, text: str, now: datetime) -> "Period":
        """The last `24h`, `7d`, `4w` or `3m` (calendar months) before now, or `2026-11-01..2026-11-30`.

        Both dates count, as days of UTC.

        Raises:
            UsageError: the text has another form, or ends before it starts.
        """
        found = PLAIN.fullmatch(text)
        if found and int(found[1]) > 0:
            end = now.astimezone(UTC)
            return cls(_back(end, int(found[1]), found[2]), end)
        first, _, last = text.partition("..")
        try:
            start, end = (datetime.strptime(part, "%Y-%m-%d").replace(tzinfo=UTC) for part in (first, last))
            end += timedelta(days=1)
        except (ValueError, OverflowError):
            raise UsageError(
                f"A range is 24h, 7d, 4w, 3m (months) or two days such as 2026-11-01..2026-11-30, not {text!r}."
            ) from None
        if end <= start:
            raise UsageError(f"The range {text} ends before it starts: swap its days.")
        return cls(start, end)

    @classmethod
    def whole_days(cls, days: int, now: datetime) -> "Period":
        """The last so many days of UTC, today as far as it has come."""
        end = now.astimezone(UTC)
        midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(midnight - timedelta(days=days - 1), end)

    @property
    def days(self) -> list[date]:
        """Every day that it touches, in order."""
        first, last = self.start.date(), (self.end - timedelta(microseconds=1)).date()
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over calls.

    Attributes:
        calls: All of them, failed and refused ones included.
        failed: Sent without a usable answer.
        refused: Not sent: a policy, a budget, a limit.
        inputs: Texts.
        input_tokens: As the providers counted them.
        output_tokens: The same of the answers.
        cached_tokens: The part of `input_tokens` that came from a provider's cache.
        known_usd: USD of the calls whose cost is known.
        unpriced_calls: Calls whose cost is not.
        attempts: HTTP requests.
    """

    calls: int = 0
    failed: int = 0
    refused: int = 0
    inputs: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    known_usd: Decimal = Decimal(0)
    unpriced_calls: int = 0
    attempts: int = 0

    @property
    def cost_usd(self) -> Decimal | None:
        """USD of what is known; None where nothing but unpriced calls can have cost anything."""
        return None if self.unpriced_calls and not self.known_usd else self.known_usd

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Line:
    """A group's figures; latencies in ms, of successful calls, None where there are none. The total has no key."""

    key: str | None
    figures: Figures
    mean_ms: float | None
    median_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """The figures of one provider, model, operation and asset on one day of UTC."""

    provider: str
    model: str
    operation: str
    asset: str | None
    day: date
    figures: Figures


def _back(end: datetime, number: int, unit: str) -> datetime:
    try:
        return end - relativedelta(**{UNITS[unit]: number})  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        raise UsageError(f"{number}{unit} goes back further than the calendar: choose a shorter range.") from None


def now(connection: "psycopg.Connection[Any]") -> datetime:
    """The database's time, which is the one on the ledger's rows."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    moment: datetime = row[0] if row else datetime.now(UTC)
    return moment.astimezone(UTC)


def grouped(connection: "psycopg.Connection[Any]", period: Period, by: str) -> tuple[list[Line], Line]:
    """The tenant's usage by group, and its total; the dearest group first, days in order.

    Raises:
        UsageError: there is no such group.
    """
    if by not in GROUPS:
        raise UsageError(f"There is no group {by!r}: choose from {', '.join(GROUPS)}.")
    query = sql.SQL(GROUPED).format(group=sql.SQL(GROUPS[by]))
    lines, total = [], Line(None, Figures(), None, None, None)
    for is_total, key, *values in connection.execute(query, {"start": period.start, "end": period.end}):
        line = Line(key, Figures(*values[:-3]), *values[-3:])
        if is_total:
            total = line
        else:
            lines.append(line)
    if by == "day":
        return sorted(lines, key=lambda line: line.key or ""), total
    return sorted(lines, key=lambda line: (-line.figures.known_usd, -line.figures.calls, line.key or "")), total


def of_run(connection: "psycopg.Connection[Any]", run_id: str, asset: str | None = None) -> Figures:
    """What the tenant's calls of one Dagster run come to, whatever became of its steps.

    Args:
        connection: Bound to the tenant.
        run_id: The run.
        asset: Only the calls for this asset.
    """
    query = OF_RUN if asset is None else OF_STEP
    row = connection.execute(query, {"run": run_id, "asset": asset}).fetchone()
    return Figures(*row) if row else Figures()


def cells(connection: "psycopg.Connection[Any]", period: Period) -> list[Cell]:
    """The tenant's usage by day, provider, model, operation and asset, in that order."""
    rows = connection.execute(CELLS, {"start": period.start, "end": period.end})
    return [
        Cell(provider, model, operation, asset, day, Figures(*values))
        for provider, model, operation, asset, day, *values in rows
    ]


def money(usd: Decimal | None) -> str:
    """An amount as people write it, exactly: at least two decimals, no exponent, no cut."""
    if usd is None:
        return UNPRICED
    whole, _, rest = format(usd, "f").partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"
