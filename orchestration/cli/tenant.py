"""`tenant`: adding and listing tenants."""

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json
from precedent.tenants import tenants

app = typer.Typer(help="Tenants: organisations or teams that never see each other's rows.", no_args_is_help=True)


@app.command("add")
def add(name: str, json: Json = False) -> None:
    """Add a tenant; one that exists is left as it is."""
    with precedent.open() as platform:
        row, created = tenants.add(platform.database, name)
    if json:
        output.emit({"tenant": row.name, "created": created})
    else:
        output.say(f"Tenant {row.name} {'added' if created else 'exists already'}.")


@app.command("list")
def list_tenants(json: Json = False) -> None:
    """List the tenants."""
    with precedent.open() as platform:
        names = platform.tenants()
    if json:
        output.emit([{"tenant": name} for name in names])
    else:
        output.table("Tenants", ["tenant"], [[name] for name in names])
