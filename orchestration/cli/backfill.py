"""`backfill`: many sources at once, in the background."""

from typing import Annotated

import dagster as dg
import typer

from orchestration import backfill as backfilling
from orchestration.cli.output import console, print_json
from orchestration.cli.tenant import Json
from orchestration.instance import dagster_instance, sync_partitions
from orchestration.refresh_run import LAYERS, RefreshOptions, run_config
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.settings import Settings
from precedent.sources import repository as catalog


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backfill")(backfill)


def backfill(
    keys: Annotated[list[str] | None, typer.Argument(help="TENANT/SOURCE, one or more.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Every source of a tenant.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed last.")] = False,
    select: Annotated[list[str] | None, typer.Option(help=f"Only a layer: {', '.join(LAYERS)}.")] = None,
    created_after: Annotated[str | None, typer.Option(help="Only items created since then (ISO).")] = None,
    created_before: Annotated[str | None, typer.Option(help="Only items created before then (ISO).")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read and derive everything anew.")] = False,
    json: Json = False,
) -> None:
    """Queue a run for each source, behind live work; the daemon of `precedent up` carries them out."""
    for layer in select or ():
        if layer not in LAYERS:
            raise UsageError(f"There is no layer {layer!r}: choose from {', '.join(LAYERS)}.")
    settings = Settings.from_environment()
    database = Database.open(settings)
    chosen = _chosen(database, keys or [], tenant, every=every or (failed and not keys and not tenant))
    names = [name for layer in (select or LAYERS) for name in LAYERS[layer]]
    options = RefreshOptions(tuple(select or ()), created_after, created_before, full)
    with dagster_instance(settings, database.endpoints) as instance:
        sync_partitions(instance, database)
        asked = backfilling.request(
            instance, [dg.AssetKey.from_user_string(name) for name in names], chosen, only_failed=failed,
            run_config=run_config(names, options),
            title=f"{'What failed' if failed else 'Backfill'} of {len(chosen):,} sources",
        )  # fmt: skip
    if json:
        print_json(asked or {"backfill_id": None, "partitions": [], "assets": [], "runs": 0})
    elif asked is None:
        console.print("There is nothing to do: nothing failed." if failed else "There is no source to do it for.")
    else:
        console.print(
            f"Backfill {asked.backfill_id}: {asked.runs:,} runs, one a source, behind live work. "
            "They begin while `precedent up` runs; the page Runs, Backfills shows them.", soft_wrap=True,
        )  # fmt: skip


def _chosen(database: Database, keys: list[str], tenant: str | None, *, every: bool) -> list[str]:
    if keys:
        return [catalog.get(database, key).key for key in keys]
    if tenant or every:
        return [key for key, _ in catalog.list_keys(database) if tenant is None or key.startswith(f"{tenant}/")]
    raise UsageError("Name sources (`precedent backfill TENANT/SOURCE ...`), or say --tenant, --all or --failed.")
