"""How usage, prices and reconciliations are shown: tables and sentences for people, records for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from orchestration.cli import output
from precedent.providers.billing.comparison import Comparison
from precedent.providers.billing.reconciliation import Reconciliation
from precedent.providers.billing.repricing import Repriced
from precedent.providers.billing.usage import Line, money
from precedent.tenants.budgets import Budget

COLUMNS = [
    "calls",
    "failed",
    "refused",
    "inputs",
    "tokens in",
    "out",
    "cached",
    "USD",
    "unpriced",
    "attempts",
    "mean ms",
    "p95 ms",
]
# What a narrow terminal shows; thirteen columns there would be folded into nothing readable.
FEWER = ("calls", "failed", "tokens in", "out", "USD", "unpriced")


def plain(value: Any) -> Any:
    """A value for JSON: amounts as exact text without an exponent, names as they are."""
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def said_of(budget: Budget) -> str:
    """This month's budget in a sentence."""
    spent = f"{money(budget.spent_usd)} USD spent"
    if budget.limit_usd is None:
        text = f"{budget.month:%B %Y}: {spent}, no budget is set"
    else:
        share = "" if budget.share is None else f" ({budget.share:.1%} taken)"
        limit = money(budget.limit_usd)
        text = f"{budget.month:%B %Y}: {spent}, {money(budget.reserved_usd)} reserved, of {limit}{share}"
    if budget.unpriced_calls:
        one = budget.unpriced_calls == 1
        text += f"; {budget.unpriced_calls:,} unpriced call{' is' if one else 's are'} not in it"
    return text + "."


def signed(usd: Decimal | None) -> str:
    """A difference, with its sign; empty where there is none to tell."""
    if usd is None:
        return ""
    return ("+" if usd > 0 else "") + money(usd)


def line_record(line: Line) -> dict[str, Any]:
    """A group's figures, for JSON."""
    figures = asdict(line.figures)
    del figures["known_usd"]
    latency = {"mean_ms": line.mean_ms, "median_ms": line.median_ms, "p95_ms": line.p95_ms}
    return {"key": line.key, **figures, "cost_usd": line.figures.cost_usd, **latency}


def budget_record(budget: Budget) -> dict[str, Any]:
    """This month's budget, for JSON."""
    return {**asdict(budget), "share": budget.share}


def show(title: str, by: str, lines: Sequence[Line], total: Line) -> None:
    """The groups' figures and their total; a narrow terminal gets fewer columns."""
    named = [replace(line, key=line.key or f"(no {by})") for line in lines]
    rows = [[str(line.key), *_cells(line)] for line in [*named, replace(total, key="total")]]
    columns = [by, *COLUMNS]
    if needed(columns, rows) > output.console().width:
        kept = [0, *(columns.index(name) for name in FEWER)]
        columns, rows = [columns[place] for place in kept], [[row[place] for place in kept] for row in rows]
    output.table(title, columns, rows, left=1)


def _cells(line: Line) -> list[str]:
    f = line.figures
    counts = (f.calls, f.failed, f.refused, f.inputs, f.input_tokens, f.output_tokens, f.cached_tokens)
    times = ("-" if value is None else f"{value:,.1f}" for value in (line.mean_ms, line.p95_ms))
    return [*(f"{n:,}" for n in counts), money(f.cost_usd), f"{f.unpriced_calls:,}", f"{f.attempts:,}", *times]


def needed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The characters that a table takes where nothing is folded."""
    return sum(max(map(len, column)) + 3 for column in zip(columns, *rows, strict=True)) + 1


def repriced_record(item: Repriced) -> dict[str, Any]:
    """What repricing made of a provider's calls, for JSON."""
    known = {name: value for name, value in asdict(item).items() if not name.startswith("known_")}
    return {**known, "before_usd": item.before_usd, "after_usd": item.after_usd, "difference_usd": item.difference_usd}


def show_repriced(title: str, found: Sequence[Repriced]) -> None:
    """What repricing made of each provider's calls."""
    columns = [
        "provider",
        "model",
        "calls",
        "changed",
        "newly priced",
        "still unpriced",
        "kept",
        "USD before",
        "after",
        "difference",
    ]
    rows = [
        [
            item.provider,
            item.model,
            *(f"{n:,}" for n in (item.calls, item.changed, item.priced, item.unpriced, item.kept)),
            money(item.before_usd),
            money(item.after_usd),
            signed(item.difference_usd),
        ]
        for item in found
    ]
    output.table(title, columns, rows, left=2)
    for note in sorted({f"{item.provider}: {item.note}" for item in found if item.note}):
        output.say(note)


def reconciled_record(item: Reconciliation) -> dict[str, Any]:
    """A gateway beside the ledger, for JSON."""
    models = [
        {
            "model": m.model,
            "calls": m.calls,
            "input_tokens": m.usage.input,
            "output_tokens": m.usage.output,
            "unpriced_calls": m.unpriced_calls,
            **_compared(m.comparison),
        }
        for m in item.models
    ]
    key = item.key and {
        "spend_usd": item.key.spend_usd,
        "max_budget_usd": item.key.max_budget_usd,
        "since": item.key.since,
        "providers": item.key.providers,
        "unpriced_calls": item.key.unpriced_calls,
        **_compared(item.key.comparison),
    }
    return {
        "provider": item.provider,
        "reachable": item.reachable,
        "verdict": item.verdict,
        "basis": item.basis,
        "calculated": _compared(item.calculated),
        "models": models,
        "key": key,
        "notes": item.notes,
    }


def _compared(found: Comparison) -> dict[str, Any]:
    return {
        "ledger_usd": found.ledger_usd,
        "gateway_usd": found.gateway_usd,
        "difference_usd": found.difference_usd,
        "difference_percent": found.difference_percent,
        "verdict": found.verdict,
    }


def show_reconciled(title: str, found: Sequence[Reconciliation]) -> None:
    """Each gateway beside the ledger."""
    rows: list[list[str]] = []
    for item in found:
        rows += [[item.provider, m.model, *_beside(m.comparison)] for m in item.models]
        if len(item.models) > 1:
            rows.append([item.provider, "all models", *_beside(item.calculated)])
        if item.key is not None:
            since = f"since {item.key.since:%Y-%m-%d %H:%M}" if item.key.since else "ever"
            rows.append([item.provider, f"its key, {since}", *_beside(item.key.comparison)])
    columns = ["gateway", "what", "ledger USD", "gateway USD", "difference", "%", "verdict"]
    if rows:
        output.table(title, columns, rows, left=2)
    for item in found:
        said = f"{item.verdict}, by {item.basis}." if item.basis else f"{item.verdict}."
        output.say(f"{item.provider}: {said} {' '.join(item.notes)}".strip())


def _beside(found: Comparison) -> list[str]:
    gateway = "not offered" if found.gateway_usd is None else money(found.gateway_usd)
    percent = "" if found.difference_percent is None else f"{found.difference_percent:+}"
    return [money(found.ledger_usd), gateway, signed(found.difference_usd), percent, found.verdict.value]
