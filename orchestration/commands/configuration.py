"""`tenant` and `source`: who there is and what they have connected."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.output import console, print_json, print_table
from orchestration.instance import dagster_instance, sync_partitions
from resources import catalog, tenancy
from resources.database.session import Database
from resources.errors import UsageError
from resources.settings import Settings
from resources.sources.mapping import FieldMapping
from resources.sources.records import RawKind

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tenant = Annotated[str, typer.Option("--tenant", "-t", help="The tenant.")]

tenants = typer.Typer(help="Tenants: organisations or teams that never see each other's rows.")
sources = typer.Typer(help="Sources: where records come from.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tenants, name="tenant", no_args_is_help=True)
    app.add_typer(sources, name="source", no_args_is_help=True)


@tenants.command("add")
def tenant_add(name: str, json: Json = False) -> None:
    """Add a tenant; one that exists is left as it is."""
    row, created = tenancy.add(Database.open(), name)
    if json:
        print_json({"tenant": row.name, "created": created})
    else:
        console.print(f"Tenant {row.name} {'added' if created else 'exists already'}.")


@tenants.command("list")
def tenant_list(json: Json = False) -> None:
    """List the tenants."""
    database = Database.open()
    tenancy.find(database, tenancy.DEFAULT_TENANT)
    rows = tenancy.every(database)
    if json:
        print_json([{"tenant": row.name} for row in rows])
    else:
        print_table("Tenants", ["tenant"], [[row.name] for row in rows])


@sources.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="A name; with --tenant, or as TENANT/NAME.")],
    path: Annotated[Path | None, typer.Argument(help="A folder or file (archive), or a clone (git).")] = None,
    kind: Annotated[str, typer.Option("--kind", help="archive or git.")] = "archive",
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help='Map a field, e.g. --map id="Issue id" --map title=Summary.'),
    ] = None,
    as_kind: Annotated[
        str, typer.Option("--as", help="What mapped records are: issue, pull_request, commit or incident.")
    ] = "issue",
    branch: Annotated[str | None, typer.Option(help="The branch to read (git); by default HEAD.")] = None,
    path_option: Annotated[Path | None, typer.Option("--path", help="The same as the argument PATH.")] = None,
    json: Json = False,
) -> None:
    """Add a source and its Dagster partition."""
    if "/" in name:
        tenant, name = catalog.split_key(name)
    path = path or path_option
    if path is None:
        raise UsageError(f"Say where the records are: `precedent source add {name} PATH`.")
    configuration: dict[str, object] = {"path": str(path.expanduser().resolve())}
    if kind == "archive" and mapping:
        configuration["mapping"] = FieldMapping.parse(mapping, as_kind).configuration()
    elif mapping:
        raise UsageError("--map belongs to sources of kind archive: leave it out.")
    elif as_kind != RawKind.ISSUE.value:
        raise UsageError("--as needs --map: records of a known shape say themselves what they are.")
    if kind == "git" and branch:
        configuration["branch"] = branch
    settings = Settings.from_environment()
    database = Database.open(settings)
    row = catalog.add(database, tenant, name, kind, configuration)
    with dagster_instance(settings, database.endpoints) as instance:
        instance.add_dynamic_partitions("source", [row.key])
    if json:
        print_json({"tenant": row.tenant, "name": row.name, "kind": row.kind, "key": row.key})
    else:
        console.print(f"Source {row.key} added. Load it with `precedent refresh {row.key}`.")


@sources.command("list")
def source_list(
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Only this tenant.")] = None,
    json: Json = False,
) -> None:
    """List the sources with their rows by layer."""
    rows = catalog.every(Database.open(), tenant)
    if json:
        print_json(rows)
        return
    columns = [
        "source",
        "kind",
        "state",
        "raw",
        "documents",
        "chunks",
        "embedded",
        "failed",
        "rejected",
        "last refresh",
    ]
    print_table(
        "Sources",
        columns,
        [
            [
                f"{row.tenant}/{row.name}", row.kind, row.state, _raw(row.raw), row.documents, row.chunks,
                row.embedded, row.failed, row.rejected,
                row.last_refresh.strftime("%Y-%m-%d %H:%M") if row.last_refresh else "never",
            ]
            for row in rows
        ],
    )  # fmt: skip


def _raw(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items() if n) or "nothing"


@sources.command("remove")
def source_remove(
    key: Annotated[str, typer.Argument(help="TENANT/SOURCE, or the name of a default tenant's source.")],
    json: Json = False,
) -> None:
    """Remove a source with all its rows and its partition."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    row = catalog.remove(database, key)
    with dagster_instance(settings, database.endpoints) as instance:
        sync_partitions(instance, database)
    if json:
        print_json({"removed": row.key})
    else:
        console.print(f"Source {row.key} removed with all its rows.")
