"""`tenant`: who there is."""

from typing import Annotated

import typer

from orchestration.cli.output import console, print_json, print_table
from precedent.database.session import Database
from precedent.tenants import tenants as tenancy

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tenant = Annotated[str, typer.Option("--tenant", "-t", help="The tenant.")]

tenants = typer.Typer(help="Tenants: organisations or teams that never see each other's rows.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(tenants, name="tenant", no_args_is_help=True)


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
    tenancy.get(database, tenancy.DEFAULT_TENANT)
    rows = tenancy.list(database)
    if json:
        print_json([{"tenant": row.name} for row in rows])
    else:
        print_table("Tenants", ["tenant"], [[row.name] for row in rows])
