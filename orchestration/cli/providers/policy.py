"""`policy`: what a tenant allows its providers."""

from decimal import Decimal
from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from orchestration.cli.providers.options import helps
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.config.views import with_private_address
from precedent.sources import repository as sources
from precedent.tenants import budgets, policies, tenants
from precedent.tenants.policies import TenantPolicy

HELP = helps(TenantPolicy)
Source = Annotated[str | None, typer.Option("--source", help="One of the tenant's sources instead of all.")]

policy = typer.Typer(
    help="What a tenant allows its providers: where texts may go, masked or not, for how much.",
    no_args_is_help=True,
)


@policy.command("show")
def policy_show(tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Show what holds for a tenant and its sources."""
    _show(Database.open(), tenant, json=json, notes=[])


@policy.command("set")
def policy_set(
    external: Annotated[bool | None, typer.Option("--external/--no-external", help=HELP["allow_external"])] = None,
    mask: Annotated[bool | None, typer.Option("--mask/--no-mask", help=HELP["mask"])] = None,
    private_addresses: Annotated[
        bool | None,
        typer.Option("--private-addresses/--no-private-addresses", help=HELP["allow_private_addresses"]),
    ] = None,
    budget: Annotated[str | None, typer.Option("--budget", help=HELP["monthly_budget_usd"])] = None,
    on_exhausted: Annotated[str | None, typer.Option("--on-exhausted", help=HELP["on_exhausted"])] = None,
    allow_unpriced: Annotated[
        bool | None, typer.Option("--allow-unpriced/--no-allow-unpriced", help=HELP["allow_unpriced"])
    ] = None,
    source: Source = None,
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Change a policy; what is not named stays."""
    said = {
        "allow_external": external,
        "mask": mask,
        "allow_private_addresses": private_addresses,
        "on_exhausted": on_exhausted,
        "allow_unpriced": allow_unpriced,
    }
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    if budget is not None:
        changes["monthly_budget_usd"] = budgets.parse(budget)
    if not changes:
        raise UsageError("Say what to change, for example `precedent policy set --budget 50 --mask`.")
    database = Database.open()
    owner = tenants.get(database, tenant)
    source_id = _source_id(database, tenant, source)
    policies.save(database, owner.id, source_id, changes)
    notes = []
    if private_addresses is False and (names := with_private_address(database, owner.id)):
        notes.append(
            f"These have a private address and are not asked any more: {', '.join(names)}. Give each a public address, "
            "or remove it."
        )
    _show(database, tenant, json=json, notes=notes)


@policy.command("clear")
def policy_clear(source: Source = None, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Remove a policy: everything is allowed then, and nothing limited."""
    database = Database.open()
    source_id = _source_id(database, tenant, source)
    policies.delete(database, tenants.get(database, tenant).id, source_id)
    _show(database, tenant, json=json, notes=[])


def _source_id(database: Database, tenant: str, source: str | None) -> int | None:
    return sources.get(database, f"{tenant}/{source}").id if source else None


def _show(database: Database, tenant: str, *, json: bool, notes: list[str]) -> None:
    found = policies.get(database, tenants.get(database, tenant).id)
    if json:
        # Masking is shown as it holds: one source that asks for it makes it so for the tenant.
        output.emit({"tenant": tenant, **found.model_dump(), "mask": found.masks, "warnings": notes})
        return
    rows: list[list[object]] = [
        ["texts may leave for external providers", _word(found.allow_external)],
        ["texts that leave are masked", _word(found.masks)],
        ["private addresses of providers", "allowed" if found.allow_private_addresses else "refused"],
        ["budget", _amount(found.monthly_budget_usd)],
    ]
    if found.monthly_budget_usd is not None:
        at_the_end = "the run stops" if found.on_exhausted == "stop" else "go on with what is free"
        rows.append(["when it is used up", at_the_end])
        rows.append(["calls without a known price", "allowed" if found.allow_unpriced else "refused"])
    for name, own in found.sources.items():
        kept = "may leave" if found.allows_external(name) else "stay here"
        rows.append([f"texts of the source {name}", kept + (", masked" if own.mask else "")])
    output.table(f"Policy of {tenant}", ["what", "is"], rows)
    for note in notes:
        output.warn(note)


def _amount(budget: Decimal | None) -> str:
    return f"{budget.normalize():f} USD a month" if budget is not None else "none"


def _word(value: bool) -> str:
    return "yes" if value else "no"
