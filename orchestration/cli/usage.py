"""`usage`: what calls have cost, pricing them again, and the ledger beside a gateway's own figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from orchestration.cli.output import say
from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.providers.billing import usage as store
from precedent.providers.billing.reconciliation import Comparison, Reconciliation, reconcile
from precedent.providers.billing.repricing import Repriced, reprice
from precedent.providers.billing.usage import Budget, Line, Period, money
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy

Range = Annotated[
    str, typer.Option("--range", "-r", help="24h, 7d, 4w, 3m (months), or two days: 2026-11-01..2026-11-30 (UTC).")
]
Provider = Annotated[str | None, typer.Option("--provider", "-p", help="Only this provider.")]

ledger = typer.Typer(help="What calls to providers have used and cost.", invoke_without_command=True)
COLUMNS = ["calls", "failed", "refused", "inputs", "tokens in", "out", "cached", "USD", "unpriced", "attempts",
           "mean ms", "p95 ms"]  # fmt: skip
# What a narrow terminal shows; thirteen columns there would be folded into nothing readable.
FEWER = ("calls", "failed", "tokens in", "out", "USD", "unpriced")


@ledger.callback()
def usage(
    context: typer.Context,
    period: Range = "7d",
    by: Annotated[str, typer.Option("--by", help="provider, model, asset, day or operation.")] = "provider",
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    plot: Annotated[Path | None, typer.Option("--plot", help="Also draw it: a PNG file.")] = None,
    json: Json = False,
) -> None:
    """Show what calls have used and cost, and this month's budget."""
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context)
        return
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot draws a PNG: name the file {plot.name}.png, or the like.")
    database = Database.open()
    owner = tenancy.find(database, tenant)
    with database.bulk(owner.id) as connection:
        span = Period.parse(period, store.now(connection))
        lines, total = store.grouped(connection, span, by)
        budget = store.budget(connection)
        if plot is not None:
            by_provider, _ = store.grouped(connection, span, "provider")
            _draw(plot, f"{tenant}, {period}", span, store.cells(connection, span), by_provider)
    if json:
        found = {"tenant": tenant, "from": span.start, "to": span.end, "by": by, "rows": [_line(x) for x in lines],
                 "total": _line(total), "budget": _budget(budget)}  # fmt: skip
        output.emit(plain(found))
        return
    _show(f"Usage of {tenant}, {period}", by, lines, total)
    say(said_of(budget))
    if plot is not None:
        say(f"Drawn to {plot}.")


@ledger.command("reprice")
def reprice_command(
    period: Range = "3m",
    provider: Provider = None,
    every: Annotated[bool, typer.Option("--all", help="Also calls with a price, unless a gateway gave it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Price calls that have no price by the prices of today; the month's spending follows."""
    database = Database.open()
    owner = tenancy.find(database, tenant)
    with database.bulk(owner.id) as connection:
        span = Period.parse(period, store.now(connection))
    found = reprice(database, owner.id, span, provider=provider, every=every, dry_run=dry_run)
    total = sum((item.difference_usd for item in found), Decimal(0))
    changed = sum(item.changed for item in found)
    if json:
        rows = [_repriced(item) for item in found]
        result = {"tenant": tenant, "from": span.start, "to": span.end, "dry_run": dry_run, "changed": changed,
                  "difference_usd": total, "rows": rows}  # fmt: skip
        output.emit(plain(result))
        return
    if found:
        _show_repriced(f"Prices of {tenant}, {period}", found)
    verb = "would change" if dry_run else "changed"
    one = "call" if changed == 1 else "calls"
    say(f"{changed:,} {one} {verb}, {signed(total)} USD." if changed else f"No call {verb}.")


@ledger.command("reconcile")
def reconcile_command(
    period: Range = "7d",
    provider: Provider = None,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Compare the ledger with what gateways themselves say that calls cost."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    owner = tenancy.find(database, tenant)
    with database.bulk(owner.id) as connection:
        span = Period.parse(period, store.now(connection))
    found = reconcile(database, settings, owner.id, span, provider)
    if json:
        rows = [_reconciled(item) for item in found]
        output.emit(plain({"tenant": tenant, "from": span.start, "to": span.end, "gateways": rows}))
    elif not found:
        say(f"{tenant} has no gateway to compare with.")
    else:
        _show_reconciled(f"{tenant} beside its gateways, {period}", found)
    lost = [item for item in found if not item.reachable]
    if lost:
        reasons = "; ".join(f"{item.provider}: {' '.join(item.notes)}" for item in lost)
        raise PrecedentError(f"Not every gateway could be asked: {reasons}")


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


def _refuse_misplaced(context: typer.Context) -> None:
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(
                f"Options belong behind the command: write `precedent usage {context.invoked_subcommand} --...`."
            )


def _draw(path: Path, title: str, span: Period, cells: Sequence[store.Cell], by_provider: Sequence[Line]) -> None:
    from precedent.providers.billing.plots import latencies_of, usage_figure

    picture = usage_figure(title, span.days, cells, latencies_of(by_provider))
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise PrecedentError(f"{path} cannot be written ({error.strerror}): choose another file.") from None


def _line(line: Line) -> dict[str, Any]:
    figures = asdict(line.figures)
    del figures["known_usd"]
    latency = {"mean_ms": line.mean_ms, "median_ms": line.median_ms, "p95_ms": line.p95_ms}
    return {"key": line.key, **figures, "cost_usd": line.figures.cost_usd, **latency}


def _budget(budget: Budget) -> dict[str, Any]:
    return {**asdict(budget), "share": budget.share}


def _show(title: str, by: str, lines: Sequence[Line], total: Line) -> None:
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
    return [
        *(f"{n:,}" for n in counts), money(f.cost_usd), f"{f.unpriced_calls:,}", f"{f.attempts:,}", *times
    ]  # fmt: skip


def needed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The characters that a table takes where nothing is folded."""
    return sum(max(map(len, column)) + 3 for column in zip(columns, *rows, strict=True)) + 1


def _repriced(item: Repriced) -> dict[str, Any]:
    known = {name: value for name, value in asdict(item).items() if not name.startswith("known_")}
    return {**known, "before_usd": item.before_usd, "after_usd": item.after_usd,
            "difference_usd": item.difference_usd}  # fmt: skip


def _show_repriced(title: str, found: Sequence[Repriced]) -> None:
    columns = ["provider", "model", "calls", "changed", "newly priced", "still unpriced", "kept", "USD before",
               "after", "difference"]  # fmt: skip
    rows = [
        [item.provider, item.model,
         *(f"{n:,}" for n in (item.calls, item.changed, item.priced, item.unpriced, item.kept)),
         money(item.before_usd), money(item.after_usd), signed(item.difference_usd)]
        for item in found
    ]  # fmt: skip
    output.table(title, columns, rows, left=2)
    for note in sorted({f"{item.provider}: {item.note}" for item in found if item.note}):
        say(note)


def _reconciled(item: Reconciliation) -> dict[str, Any]:
    models = [
        {"model": m.model, "calls": m.calls, "input_tokens": m.usage.input, "output_tokens": m.usage.output,
         "unpriced_calls": m.unpriced_calls, **_compared(m.comparison)}
        for m in item.models
    ]  # fmt: skip
    key = item.key and {
        "spend_usd": item.key.spend_usd, "max_budget_usd": item.key.max_budget_usd, "since": item.key.since,
        "providers": item.key.providers, "unpriced_calls": item.key.unpriced_calls, **_compared(item.key.comparison),
    }  # fmt: skip
    return {"provider": item.provider, "reachable": item.reachable, "verdict": item.verdict, "basis": item.basis,
            "calculated": _compared(item.calculated), "models": models, "key": key,
            "notes": item.notes}  # fmt: skip


def _compared(found: Comparison) -> dict[str, Any]:
    return {"ledger_usd": found.ledger_usd, "gateway_usd": found.gateway_usd, "difference_usd": found.difference_usd,
            "difference_percent": found.difference_percent, "verdict": found.verdict}  # fmt: skip


def _show_reconciled(title: str, found: Sequence[Reconciliation]) -> None:
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
        say(f"{item.provider}: {said} {' '.join(item.notes)}".strip())


def _beside(found: Comparison) -> list[str]:
    gateway = "not offered" if found.gateway_usd is None else money(found.gateway_usd)
    percent = "" if found.difference_percent is None else f"{found.difference_percent:+}"
    return [money(found.ledger_usd), gateway, signed(found.difference_usd), percent, found.verdict.value]
