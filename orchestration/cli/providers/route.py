"""`route`: which provider a kind of work asks first."""

from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from orchestration.cli.providers.options import helps
from precedent.database.session import Database
from precedent.providers.base import Capability
from precedent.providers.runtime import routing
from precedent.providers.runtime.routing import Route
from precedent.tenants import tenants
from precedent.tenants.preferences import Preference

HELP = helps(Preference)

app = typer.Typer(
    help="Which provider a kind of work asks first: etl (bulk) or interactive (a person waits).", no_args_is_help=True
)


@app.command("show")
def route_show(tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Show which provider each kind of work asks first."""
    _show(Database.open(), tenant, json=json)


@app.command("set")
def route_set(
    route: Annotated[Route, typer.Argument(help="etl or interactive.")],
    strategy: Annotated[str, typer.Argument(help=HELP["strategy"])],
    prefer: Annotated[list[str] | None, typer.Option("--prefer", help=HELP["prefer"])] = None,
    capability: Annotated[Capability, typer.Option("--capability", help="What it is asked for.")] = (
        Capability.EMBEDDING
    ),
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Set which provider a kind of work asks first, among endpoints that may stand in for each other."""
    database = Database.open()
    routing.save(database, tenants.get(database, tenant).id, capability, route, strategy, prefer or [])
    _show(database, tenant, json=json)


def _show(database: Database, tenant: str, *, json: bool) -> None:
    owner = tenants.get(database, tenant)
    found = [
        (capability, route, routing.preference_of(database, owner.id, capability, route))
        for capability in Capability
        for route in Route
    ]
    if json:
        output.emit(
            [
                {"capability": capability, "route": route, **preference.model_dump(mode="json")}
                for capability, route, preference in found
            ]
        )
        return
    rows = [
        [capability.replace("_", " "), route, preference.strategy, ", ".join(preference.prefer)]
        for capability, route, preference in found
    ]
    output.table(f"Routes of {tenant}", ["capability", "work", "strategy", "prefers"], rows)
