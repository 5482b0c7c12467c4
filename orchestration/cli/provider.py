"""`provider`: who embeds and who generates for a tenant, and whether they answer."""

from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli import provider_tables as provider_output
from orchestration.cli.options import Json, KeyFile, KeyStdin, NoTest, Tenant, Yes, confirm_removal
from orchestration.cli.provider_options import pairs, read_secrets
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.base import Capability
from precedent.providers.config import health_check as checking
from precedent.providers.config import repository as rows
from precedent.providers.config import save as saving
from precedent.providers.config import views as showing
from precedent.providers.config.validation import Specification
from precedent.providers.declarative.schema import capability_of
from precedent.providers.registry import driver_type, listed
from precedent.providers.runtime.endpoint import Target, chain
from precedent.providers.runtime.factory import same_space
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy

Name = Annotated[str, typer.Argument(help="The provider's name.")]

providers = typer.Typer(help="AI providers of a tenant: embeddings and text generation.", no_args_is_help=True)


@providers.command("add")
def provider_add(
    name: Name,
    driver: Annotated[str, typer.Option("--driver", help="See `precedent provider list --available`.")],
    capability: Annotated[
        Capability | None, typer.Option("--capability", help="May be left out where the driver has one.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The model; by default the driver's.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="Where to call, if not the driver's own.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help="name=value; changes answers.")] = None,
    performance: Annotated[
        list[str] | None, typer.Option("--performance", help="name=value; how it is called.")
    ] = None,
    cost: Annotated[
        list[str] | None, typer.Option("--cost", help="name=USD per million tokens, e.g. input_per_million=0.15.")
    ] = None,
    fallback: Annotated[str | None, typer.Option("--fallback", help="Who is asked where this one fails.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="For people.")] = None,
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    no_key: Annotated[bool, typer.Option("--no-key", help="There is no key; a stored one is removed.")] = False,
    activate: Annotated[bool, typer.Option("--activate", help="Make it the tenant's choice.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the provider of this name.")] = False,
    no_test: NoTest = False,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Add a provider, once it has answered; the key is asked for, or read from a file or standard input."""
    spec = Specification(
        name=name, driver=driver, capability=capability_of(driver, capability).value, model=model, base_url=base_url,
        options=pairs(option, "--option"), performance=pairs(performance, "--performance"),
        cost=pairs(cost, "--cost"), fallback=fallback, description=description, active=True if activate else None,
        secrets=read_secrets(
            driver_type(driver).info, key_file, key_stdin=key_stdin, no_key=no_key, replaces=replace
        ),
    )  # fmt: skip
    settings = Settings.from_environment()
    database = Database.open(settings)
    before = _head(database, tenant, Capability(spec.capability))
    saved = saving.save_tried(database, settings, tenant, spec, replace=replace, test=not no_test)
    follow(settings, database)
    note = consequence(before, _head(database, tenant, Capability(spec.capability)))
    (shown,) = showing.one(database, settings, tenant, name)
    if json:
        trial = saved.trial
        output.emit(
            {
                "provider": shown, "created": saved.created, "test": trial.health if trial else None,
                "agreements": trial.agreements if trial else {}, "note": note,
            }
        )  # fmt: skip
        return
    parts = [f"Provider {name} {'added' if saved.created else 'replaced'}: {shown.driver}, {shown.model}"]
    parts += ["active"] if shown.active else []
    parts += [f"falls back to {shown.fallback}"] if shown.fallback else []
    output.say(", ".join(parts) + ".")
    provider_output.show_trial(name, saved.trial)
    if note:
        output.say(note)
    if not shown.active:
        output.say(f"Nothing uses it yet: `precedent provider activate {name}`, or name it as a fallback.")


@providers.command("list")
def provider_list(
    available: Annotated[bool, typer.Option("--available", help="The drivers there are.")] = False,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """List a tenant's providers, or with --available the drivers."""
    if available:
        drivers = listed()
        output.emit(drivers) if json else provider_output.show_drivers(drivers)
        return
    settings = Settings.from_environment()
    found = showing.every(Database.open(settings), settings, tenant)
    output.emit(found) if json else provider_output.show_providers(tenant, found)


@providers.command("show")
def provider_show(name: Name, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Show all of a provider but its secrets."""
    settings = Settings.from_environment()
    found = showing.one(Database.open(settings), settings, tenant, name)
    if json:
        output.emit(found[0] if len(found) == 1 else found)
        return
    for item in found:
        provider_output.show_provider(item)


@providers.command("test")
def provider_test(name: Name, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Call a provider once: does it answer, how fast, in how many dimensions, and does its model end soon?"""
    settings = Settings.from_environment()
    database = Database.open(settings)
    found = [saving.test_stored(database, settings, target) for target in showing.find(database, tenant, name)]
    if json:
        output.emit(found[0] if len(found) == 1 else found)
    for health in found:
        if health.reachable and not json:
            provider_output.show_health(health)
    if failed := [health for health in found if not health.reachable]:
        raise PrecedentError(f"{name} gives no usable answer: {failed[0].error}")


@providers.command("activate")
def provider_activate(name: Name, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Make a provider the tenant's choice for its capability."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    capability = rows.find(database, tenant, name).capability
    before = _head(database, tenant, capability)
    target = rows.activate(database, tenant, name)
    follow(settings, database)
    note = consequence(before, target)
    if json:
        output.emit({"activated": name, "capability": capability, "instead_of": before.name, "note": note})
        return
    instead = f" instead of {before.name}" if before.name != name else ""
    output.say(f"{name} serves {capability.replace('_', ' ')}{instead}.")
    if note:
        output.say(note)


@providers.command("deactivate")
def provider_deactivate(name: Name, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Take a choice back; the tenant is served by what comes without rows."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    before = rows.find(database, tenant, name)
    was = rows.deactivate(database, tenant, name)
    follow(settings, database)
    now = _head(database, tenant, before.capability)
    note = consequence(before, now) if was else None
    if json:
        output.emit({"deactivated": name, "was_active": was, "serves_now": now.name, "note": note})
        return
    kind = before.capability.replace("_", " ")
    output.say(f"{name} is not active{' any more' if was else ' anyway'}: {now.name} serves {kind}.")
    if note:
        output.say(note)


@providers.command("remove")
def provider_remove(
    name: Name,
    yes: Yes = False,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Remove a provider with its credentials; its usage stays on the ledger."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    found = showing.every(database, settings, tenant)
    shown = next((item for item in found if item.name == name and item.origin == showing.ROW), None)
    relying = [item.name for item in found if item.fallback == name]
    if shown is not None and not yes:
        what = f"{name} of {tenant}" + (", which is active" if shown.active else "")
        what += f", the fallback of {', '.join(relying)}" if relying else ""
        confirm_removal(what)
    rows.remove(database, tenant, name)
    follow(settings, database)
    if json:
        output.emit({"removed": name, "without_fallback": relying})
        return
    output.say(f"Provider {name} removed; its usage stays on the ledger.")
    if relying:
        output.warn(f"{', '.join(relying)} falls back to nothing now.")


@providers.command("models")
def provider_models(name: Name, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """List the models that a provider offers, and when they end."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    target = showing.find(database, tenant, name)[0]
    try:
        found = checking.models(settings, target)
    except PrecedentError as error:
        raise PrecedentError(f"{name} does not tell its models: {error}") from None
    if json:
        output.emit(
            [
                {"id": model.id, "in_use": model.id == target.model, "shutdown": provider_output.ends_on(model),
                 "context_tokens": model.context_tokens}
                for model in found
            ]
        )  # fmt: skip
    elif found:
        provider_output.show_models(name, found, target.model)
    else:
        output.say(f"{name} has no list of models; it uses {target.model}.")


def follow(settings: Settings, database: Database) -> None:
    """Let Dagster's pools follow the rows."""
    from orchestration.instance import dagster_instance
    from orchestration.pools import sync_pools

    with dagster_instance(settings, database.endpoints) as instance:
        sync_pools(instance, database)


def consequence(before: Target, after: Target) -> str | None:
    """What another choice means for vectors that are stored already."""
    if after.capability is not Capability.EMBEDDING or same_space(before, after):
        return None
    return (
        f"Vectors of {after.model} compare with none of {before.model}: the next refresh of each source embeds all of "
        "its passages anew, and search goes on with the old ones until then."
    )


def _head(database: Database, tenant: str, capability: Capability) -> Target:
    return chain(database, tenancy.find(database, tenant).id, capability)[0]
