"""`policy` and `route`: what a tenant allows its providers, and whom a kind of work asks first."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import select

from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from precedent.database.models import DataSource, Policy
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.views import with_private_address
from precedent.providers.runtime import routing
from precedent.providers.runtime.routing import Route
from precedent.security.masking import mask as masked
from precedent.sources import repository as catalog
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy

Source = Annotated[str | None, typer.Option("--source", help="One of the tenant's sources instead of all.")]

policy = typer.Typer(
    help="What a tenant allows its providers: where texts may go, masked or not, for how much.",
    no_args_is_help=True,
)
routes = typer.Typer(
    help="Which provider a kind of work asks first: etl (bulk) or interactive (a person waits).", no_args_is_help=True
)


@policy.command("show")
def policy_show(tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Show what holds for a tenant and its sources."""
    _show(Database.open(), tenant, json=json, notes=[])


@policy.command("set")
def policy_set(
    external: Annotated[
        bool | None, typer.Option("--external/--no-external", help="May texts leave for external providers?")
    ] = None,
    mask: Annotated[
        bool | None,
        typer.Option("--mask/--no-mask", help="Mask secrets, addresses and e-mails in texts that leave?"),
    ] = None,
    private_addresses: Annotated[
        bool | None,
        typer.Option("--private-addresses/--no-private-addresses", help="May a provider's address be private?"),
    ] = None,
    budget: Annotated[str | None, typer.Option("--budget", help="USD a month, or none.")] = None,
    on_exhausted: Annotated[
        str | None, typer.Option("--on-exhausted", help="stop, or free: go on with what costs nothing.")
    ] = None,
    allow_unpriced: Annotated[
        bool | None,
        typer.Option("--allow-unpriced/--no-allow-unpriced", help="With a budget: calls that nobody can price?"),
    ] = None,
    source: Source = None,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Change a policy; what is not named stays."""
    said = {
        "allow_external": external, "mask": mask, "allow_private_addresses": private_addresses,
        "on_exhausted": on_exhausted, "allow_unpriced": allow_unpriced,
    }  # fmt: skip
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if budget is not None:
        changes["monthly_budget_usd"] = policies.budget_of(budget)
    if not changes:
        raise UsageError("Say what to change, for example `precedent policy set --budget 50 --mask`.")
    database = Database.open()
    owner = tenancy.find(database, tenant)
    source_id = catalog.find(database, f"{tenant}/{source}").id if source else None
    if mask:
        masked(["someone@example.com"])  # raises where the libraries that mask are not installed
    policies.save(database, owner.id, source_id, changes)
    notes = []
    if private_addresses is False and (names := with_private_address(database, owner.id)):
        notes.append(
            f"These have a private address: {', '.join(names)}. They are asked as before, and not saved again like "
            "this: give each a public address, or remove it."
        )
    _show(database, tenant, json=json, notes=notes)


@policy.command("clear")
def policy_clear(source: Source = None, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Remove a policy: everything is allowed then, and nothing limited."""
    database = Database.open()
    source_id = catalog.find(database, f"{tenant}/{source}").id if source else None
    policies.clear(database, tenancy.find(database, tenant).id, source_id)
    _show(database, tenant, json=json, notes=[])


@routes.command("show")
def route_show(tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Show whom each kind of work asks first."""
    _show_routes(Database.open(), tenant, json=json)


@routes.command("set")
def route_set(
    route: Annotated[Route, typer.Argument(help="etl or interactive.")],
    strategy: Annotated[str, typer.Argument(help="active (the chain), prefer, or auto (price, then latency).")],
    prefer: Annotated[
        list[str] | None, typer.Option("--prefer", help="A provider's or driver's name; several, the first first.")
    ] = None,
    capability: Annotated[Capability, typer.Option("--capability", help="What it is asked for.")] = (
        Capability.EMBEDDING
    ),
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Set whom a kind of work asks first, among endpoints that may stand in for each other."""
    database = Database.open()
    routing.save(database, tenancy.find(database, tenant).id, capability, route, strategy, prefer or [])
    _show_routes(database, tenant, json=json)


def _show(database: Database, tenant: str, *, json: bool, notes: list[str]) -> None:
    owner = tenancy.find(database, tenant)
    found = policies.load(database, owner.id)
    of_sources = _of_sources(database, owner.id)
    budget = found.monthly_budget_usd
    if json:
        values = asdict(found)
        values.pop("sources_kept")
        values["monthly_budget_usd"] = float(budget) if budget is not None else None
        output.emit({"tenant": tenant, **values, "sources": of_sources, "warnings": notes})
        return
    rows: list[list[object]] = [
        ["texts may leave for external providers", _word(found.allow_external)],
        ["texts that leave are masked", _word(found.mask)],
        ["private addresses of providers", "allowed" if found.allow_private_addresses else "refused"],
        ["budget", f"{budget.normalize():f} USD a month" if budget is not None else "none"],
    ]
    if budget is not None:
        rows.append(
            ["when it is used up", "the run stops" if found.on_exhausted == "stop" else "go on with what is free"]
        )
        rows.append(["calls without a known price", "allowed" if found.allow_unpriced else "refused"])
    for name, own in of_sources.items():
        kept = "may leave" if own["allow_external"] and found.allow_external else "stay here"
        rows.append([f"texts of the source {name}", kept + (", masked" if own["mask"] else "")])
    output.table(f"Policy of {tenant}", ["what", "is"], rows)
    for note in notes:
        output.warn(note)


def _of_sources(database: Database, tenant_id: int) -> dict[str, dict[str, bool]]:
    with database.tenant(tenant_id) as session:
        rows = session.execute(
            select(DataSource.name, Policy.allow_external, Policy.mask)
            .join(Policy, Policy.source_id == DataSource.id)
            .order_by(DataSource.name)
        )
        return {name: {"allow_external": external, "mask": masks} for name, external, masks in rows}


def _show_routes(database: Database, tenant: str, *, json: bool) -> None:
    owner = tenancy.find(database, tenant)
    found = [
        (capability, route, routing.preferred(database, owner.id, capability, route))
        for capability in Capability
        for route in Route
    ]
    if json:
        output.emit(
            [
                {"capability": capability, "route": route, "strategy": preferred.strategy,
                 "prefer": list(preferred.prefer)}
                for capability, route, preferred in found
            ]
        )  # fmt: skip
        return
    rows = [
        [capability.value.replace("_", " "), route.value, preferred.strategy, ", ".join(preferred.prefer)]
        for capability, route, preferred in found
    ]
    output.table(f"Routes of {tenant}", ["capability", "work", "strategy", "prefers"], rows)


def _word(value: bool) -> str:
    return "yes" if value else "no"
