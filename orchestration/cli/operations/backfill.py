"""`backfill`: many sources at once, in the background."""

from typing import Annotated

import typer

import precedent
from orchestration.backfill import request
from orchestration.cli import output
from orchestration.cli.options import Json
from orchestration.instance import dagster_instance, sync_partitions
from orchestration.refresh_run import RefreshOptions
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.sources import repository as sources


def backfill(
    keys: Annotated[list[str] | None, typer.Argument(help="TENANT/SOURCE, one or more.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Every source of a tenant.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed last.")] = False,
    select: Annotated[list[str] | None, typer.Option(help="Only a layer, e.g. text; several are fine.")] = None,
    created_after: Annotated[str | None, typer.Option(help="Only items created since then (ISO).")] = None,
    created_before: Annotated[str | None, typer.Option(help="Only items created before then (ISO).")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read and derive everything anew.")] = False,
    json: Json = False,
) -> None:
    """Queue a run for each source, behind live work; the daemon of `precedent up` carries them out."""
    options = RefreshOptions(tuple(select or ()), created_after, created_before, full)
    assets = options.keys()
    with precedent.open() as platform:
        database = platform.database
        chosen = _chosen(database, keys or [], tenant, every=every or (failed and not keys and not tenant))
        with dagster_instance(platform.settings, database.endpoints) as instance:
            sync_partitions(instance, database)
            found = request(
                instance,
                assets,
                chosen,
                only_failed=failed,
                run_config=options.run_config(assets),
                title=f"{'What failed' if failed else 'Backfill'} of {len(chosen):,} sources",
            )
    if json:
        output.emit(found or {"backfill_id": None, "partitions": [], "assets": [], "runs": 0})
    elif found is None:
        output.say("There is nothing to do: nothing failed." if failed else "There is no source to do it for.")
    else:
        output.say(
            f"Backfill {found.backfill_id}: {found.runs:,} runs, one a source, behind live work. "
            "They begin while `precedent up` runs; the page Runs, Backfills shows them."
        )


def _chosen(database: Database, keys: list[str], tenant: str | None, *, every: bool) -> list[str]:
    if keys:
        return [sources.get(database, key).key for key in keys]
    if tenant or every:
        return [key for key, _ in sources.list_keys(database) if tenant is None or key.startswith(f"{tenant}/")]
    raise UsageError("Name sources (`precedent backfill TENANT/SOURCE ...`), or say --tenant, --all or --failed.")
