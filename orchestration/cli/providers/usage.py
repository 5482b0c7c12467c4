"""`usage`: what calls have cost, pricing them again, and the ledger beside a gateway's own figures."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from orchestration.cli.output import say
from orchestration.cli.providers import usage_tables
from orchestration.cli.providers.usage_tables import plain, signed
from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.providers.billing import usage as store
from precedent.providers.billing.reconciliation import reconcile
from precedent.providers.billing.repricing import reprice
from precedent.providers.billing.usage import Line, Period
from precedent.settings import Settings
from precedent.tenants import tenants

Range = Annotated[
    str, typer.Option("--range", "-r", help="24h, 7d, 4w, 3m (months), or two days: 2026-11-01..2026-11-30 (UTC).")
]
Provider = Annotated[str | None, typer.Option("--provider", "-p", help="Only this provider.")]

ledger = typer.Typer(help="What calls to providers have used and cost.", invoke_without_command=True)


@ledger.callback()
def usage(
    context: typer.Context,
    period: Range = "7d",
    by: Annotated[str, typer.Option("--by", help="provider, model, asset, day or operation.")] = "provider",
    tenant: Tenant = tenants.DEFAULT_TENANT,
    plot: Annotated[Path | None, typer.Option("--plot", help="Also draw it: a PNG file.")] = None,
    json: Json = False,
) -> None:
    """Show what calls have used and cost, and this month's budget."""
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context)
        return
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot draws a PNG: name the file {plot.name}.png, or the like.")
    with precedent.open() as platform:
        owner = platform.tenant(tenant)
        found = owner.usage(period, by)
        if plot is not None:
            with platform.database.bulk(owner.id) as connection:
                by_provider, _ = store.grouped(connection, found.period, "provider")
                cells = store.cells(connection, found.period)
            _draw(plot, f"{tenant}, {period}", found.period, cells, by_provider)
    if json:
        shown = {
            "tenant": tenant,
            "from": found.period.start,
            "to": found.period.end,
            "by": by,
            "rows": [usage_tables.line_record(line) for line in found.lines],
            "total": usage_tables.line_record(found.total),
            "budget": usage_tables.budget_record(found.budget),
        }
        output.emit(plain(shown))
        return
    usage_tables.show(f"Usage of {tenant}, {period}", by, found.lines, found.total)
    say(usage_tables.said_of(found.budget))
    if plot is not None:
        say(f"Drawn to {plot}.")


@ledger.command("reprice")
def reprice_command(
    period: Range = "3m",
    provider: Provider = None,
    every: Annotated[bool, typer.Option("--all", help="Also calls with a price, unless a gateway gave it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Price calls that have no price by the prices of today; the month's spending follows."""
    database = Database.open()
    owner = tenants.get(database, tenant)
    with database.bulk(owner.id) as connection:
        span = Period.parse(period, store.now(connection))
    found = reprice(database, owner.id, span, provider=provider, every=every, dry_run=dry_run)
    total = sum((item.difference_usd for item in found), Decimal(0))
    changed = sum(item.changed for item in found)
    if json:
        result = {
            "tenant": tenant,
            "from": span.start,
            "to": span.end,
            "dry_run": dry_run,
            "changed": changed,
            "difference_usd": total,
            "rows": [usage_tables.repriced_record(item) for item in found],
        }
        output.emit(plain(result))
        return
    if found:
        usage_tables.show_repriced(f"Prices of {tenant}, {period}", found)
    verb = "would change" if dry_run else "changed"
    one = "call" if changed == 1 else "calls"
    say(f"{changed:,} {one} {verb}, {signed(total)} USD." if changed else f"No call {verb}.")


@ledger.command("reconcile")
def reconcile_command(
    period: Range = "7d",
    provider: Provider = None,
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Compare the ledger with what gateways themselves say that calls cost."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    owner = tenants.get(database, tenant)
    with database.bulk(owner.id) as connection:
        span = Period.parse(period, store.now(connection))
    found = reconcile(database, settings, owner.id, span, provider)
    if json:
        rows = [usage_tables.reconciled_record(item) for item in found]
        output.emit(plain({"tenant": tenant, "from": span.start, "to": span.end, "gateways": rows}))
    elif not found:
        say(f"{tenant} has no gateway to compare with.")
    else:
        usage_tables.show_reconciled(f"{tenant} beside its gateways, {period}", found)
    lost = [item for item in found if not item.reachable]
    if lost:
        reasons = "; ".join(f"{item.provider}: {' '.join(item.notes)}" for item in lost)
        raise PrecedentError(f"Not every gateway could be asked: {reasons}")


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
