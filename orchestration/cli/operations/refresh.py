"""`refresh`: bring a source up to date."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json
from orchestration.cli.progress import shown_progress
from precedent.errors import PrecedentError, UsageError
from precedent.providers.billing.usage import money
from precedent.sources import repository as sources

if TYPE_CHECKING:
    from orchestration.refresh_run import RefreshOutcome


def refresh(
    keys: Annotated[list[str] | None, typer.Argument(help="TENANT/SOURCE, one or more.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Refresh every source.")] = False,
    select: Annotated[list[str] | None, typer.Option(help="Only a layer, e.g. text; several are fine.")] = None,
    created_after: Annotated[str | None, typer.Option(help="Only items created since then (ISO).")] = None,
    created_before: Annotated[str | None, typer.Option(help="Only items created before then (ISO).")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read and derive everything anew.")] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="Compare with all that a live source lists.")] = False,
    confirm_loss: Annotated[
        bool, typer.Option("--confirm-loss", help="Sweep, and remove what is gone even where that is most of it.")
    ] = False,
    strict: Annotated[bool, typer.Option(help="Exit with 1 when a record was rejected.")] = False,
    json: Json = False,
) -> None:
    """Materialise a source's assets here, recorded in the same Dagster instance as the web server's runs."""
    if not keys and not every:
        raise UsageError("Name a source (`precedent refresh TENANT/SOURCE`) or say --all.")
    outcomes = []
    with precedent.open() as platform:
        database = platform.database
        names = [key for key, _ in sources.list_keys(database)] if every else keys or []
        if not names:
            raise UsageError("There is no source: add one with `precedent source add`.")
        rows = [sources.get(database, name) for name in names]
        # Read after the sources were found, so that a wrong name is answered at once.
        from orchestration.instance import dagster_instance
        from orchestration.refresh_run import RefreshOptions, run_refresh

        options = RefreshOptions(tuple(select or ()), created_after, created_before, full, sweep, confirm_loss)
        with dagster_instance(platform.settings, database.endpoints) as instance:
            for row in rows:
                if not json:
                    output.say(f"Refreshing {row.key} ...")
                with shown_progress(quiet=json):
                    outcome = run_refresh(instance, database, row, options)
                outcomes.append(outcome)
                if not json:
                    show(outcome)
    if json:
        output.emit(outcomes if len(outcomes) > 1 else outcomes[0])
    failed = [outcome for outcome in outcomes if not outcome.success]
    if failed:
        raise PrecedentError("; ".join(f"{outcome.source}: {outcome.error}" for outcome in failed))
    rejected = sum(rejections(outcome) for outcome in outcomes)
    if strict and rejected:
        raise PrecedentError(f"{rejected} records were rejected: table rejected_records says which and why.")


def rejections(outcome: "RefreshOutcome") -> int:
    """Records of the source that could not be read."""
    return max((int(layer.get("rows/rejected", 0)) for layer in outcome.layers.values()), default=0)


def models_of(outcome: "RefreshOutcome") -> list[str]:
    """The models that were asked, or would have been where there was nothing to do, in the order of the layers."""
    return list(dict.fromkeys(str(x["provider/model"]) for x in outcome.layers.values() if "provider/model" in x))


def cost_of(outcomes: "Sequence[RefreshOutcome]") -> str:
    """What the calls of the runs have cost, in words; an unknown cost is mentioned, never counted as nothing."""
    text = f"cost {money(round(sum((outcome.cost_usd for outcome in outcomes), Decimal(0)), 6))} USD"
    unpriced = any(outcome.unpriced_calls for outcome in outcomes)
    return f"{text} besides calls without a known price" if unpriced else text


def show(outcome: "RefreshOutcome") -> None:
    """A table of what a run did, and a line with its time, cost, quality and failed checks."""
    rows = []
    for name, layer in outcome.layers.items():
        figures = [layer.get(f"rows/{kind}", 0) for kind in ("added", "changed", "unchanged", "deleted", "failed")]
        total = layer.get("dagster/partition_row_count", layer.get("vectors/count", 0))
        if not total and not any(figures):
            continue
        rate = layer.get("rate/rows_per_s")
        rows.append([name, total, *figures, f"{rate:,.0f}" if rate else ""])
    columns = ["asset", "rows", "added", "changed", "unchanged", "deleted", "failed", "rows/s"]
    output.table(f"{outcome.source} in {outcome.seconds:,.1f} s", columns, rows)
    quality = outcome.layers.get("reports/vector_quality", {})
    parts = [f"run {outcome.run_id}"]
    models = models_of(outcome)
    if models or outcome.cost_usd or outcome.unpriced_calls:
        parts.append(cost_of([outcome]) + (f" ({', '.join(models)})" if models else ""))
    if "quality/score" in quality:
        parts.append(f"quality {quality['quality/score']:.0f} of 100")
    if rejected := rejections(outcome):
        parts.append(f"{rejected} records rejected")
    broken = [name for name, passed in outcome.checks.items() if not passed]
    if outcome.checks:
        parts.append(f"checks: {len(outcome.checks) - len(broken)} of {len(outcome.checks)} passed")
    output.say(", ".join(parts) + "." + (f" Failed: {', '.join(broken)}." if broken else ""))
