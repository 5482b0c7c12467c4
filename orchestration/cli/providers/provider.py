"""`provider`: who embeds and who generates for a tenant, and whether they answer."""

from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, KeyFile, KeyStdin, NoTest, Tenant, Yes, confirm_removal
from orchestration.cli.providers import tables as provider_tables
from orchestration.cli.providers.options import helps, pairs, read_secrets
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.base import Capability
from precedent.providers.config import health_check, repository, save, trial, views
from precedent.providers.config.provider import Provider, checked
from precedent.providers.config.validation import same_space
from precedent.providers.registry import driver_type, listed
from precedent.providers.runtime.endpoint import Endpoint, chain
from precedent.settings import Settings
from precedent.tenants import tenants

HELP = helps(Provider)
Name = Annotated[str, typer.Argument(help=HELP["name"])]

providers = typer.Typer(help="AI providers of a tenant: embeddings and text generation.", no_args_is_help=True)


@providers.command("add")
def provider_add(
    name: Name,
    driver: Annotated[str, typer.Option("--driver", help=HELP["driver"])],
    capability: Annotated[Capability | None, typer.Option("--capability", help=HELP["capability"])] = None,
    model: Annotated[str | None, typer.Option("--model", help=HELP["model"])] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help=HELP["base_url"])] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help=HELP["options"])] = None,
    performance: Annotated[list[str] | None, typer.Option("--performance", help=HELP["performance"])] = None,
    cost: Annotated[list[str] | None, typer.Option("--cost", help=HELP["cost"])] = None,
    fallback: Annotated[str | None, typer.Option("--fallback", help=HELP["fallback"])] = None,
    description: Annotated[str | None, typer.Option("--description", help=HELP["description"])] = None,
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    no_key: Annotated[bool, typer.Option("--no-key", help="There is no key; a stored one is removed.")] = False,
    activate: Annotated[bool, typer.Option("--activate", help=HELP["active"])] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the provider of this name.")] = False,
    no_test: NoTest = False,
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Add a provider, once it has answered; the key is asked for, or read from a file or standard input."""
    info = driver_type(driver).info
    provider = checked(
        {
            "name": name,
            "driver": driver,
            "capability": capability,
            "model": model,
            "base_url": base_url,
            "options": pairs(option, "--option"),
            "performance": pairs(performance, "--performance"),
            "cost": pairs(cost, "--cost"),
            "fallback": fallback,
            "description": description,
            "active": True if activate else None,
            "credentials": read_secrets(info, key_file, key_stdin=key_stdin, no_key=no_key, replaces=replace),
        }
    )
    settings = Settings.from_environment()
    database = Database.open(settings)
    before = _head(database, tenant, provider.capability)
    saved = save.save_tried(database, settings, tenant, provider, replace=replace, test=not no_test)
    follow(settings, database)
    note = consequence(before, _head(database, tenant, provider.capability))
    (shown,) = views.get(database, settings, tenant, name)
    if json:
        found = saved.trial
        output.emit(
            {
                "provider": shown.dump(),
                "created": saved.created,
                "test": found.health if found else None,
                "agreements": found.agreements if found else {},
                "note": note,
            }
        )
        return
    provider_tables.show_saved(saved, shown)
    if note:
        output.say(note)
    if not shown.provider.active:
        output.say(f"Nothing uses it yet: `precedent provider activate {name}`, or name it as a fallback.")


@providers.command("list")
def provider_list(
    available: Annotated[bool, typer.Option("--available", help="The drivers there are.")] = False,
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """List a tenant's providers, or with --available the drivers."""
    if available:
        drivers = listed()
        output.emit(drivers) if json else provider_tables.show_drivers(drivers)
        return
    settings = Settings.from_environment()
    found = views.list(Database.open(settings), settings, tenant)
    if json:
        output.emit([view.dump() for view in found])
    else:
        provider_tables.show_providers(tenant, found)


@providers.command("show")
def provider_show(name: Name, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Show all of a provider but its secrets."""
    settings = Settings.from_environment()
    found = views.get(Database.open(settings), settings, tenant, name)
    if json:
        _emit_one_or_all([view.dump() for view in found])
        return
    for view in found:
        provider_tables.show_provider(view)


@providers.command("test")
def provider_test(name: Name, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Call a provider once: does it answer, how fast, in how many dimensions, and does its model end soon?"""
    settings = Settings.from_environment()
    database = Database.open(settings)
    found = [trial.test_stored(database, settings, one) for one in views.endpoints(database, tenant, name)]
    if json:
        _emit_one_or_all(found)
    for health in found:
        if health.reachable and not json:
            provider_tables.show_health(health)
    if failed := [health for health in found if not health.reachable]:
        raise PrecedentError(f"{name} gives no usable answer: {failed[0].error}")


@providers.command("activate")
def provider_activate(name: Name, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Make a provider the tenant's choice for its capability."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    capability = repository.get(database, tenant, name).provider.capability
    before = _head(database, tenant, capability)
    repository.activate(database, tenant, name)
    follow(settings, database)
    note = consequence(before, _head(database, tenant, capability))
    if json:
        output.emit({"activated": name, "capability": capability, "instead_of": before.name, "note": note})
        return
    instead = f" instead of {before.name}" if before.name != name else ""
    output.say(f"{name} serves {capability.replace('_', ' ')}{instead}.")
    if note:
        output.say(note)


@providers.command("deactivate")
def provider_deactivate(name: Name, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Take a choice back; the tenant is served by what comes without rows."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    stored = repository.get(database, tenant, name)
    capability, was = stored.provider.capability, bool(stored.provider.active)
    before = _head(database, tenant, capability)
    repository.deactivate(database, tenant, name)
    follow(settings, database)
    now = _head(database, tenant, capability)
    note = consequence(before, now) if was else None
    if json:
        output.emit({"deactivated": name, "was_active": was, "serves_now": now.name, "note": note})
        return
    kind = capability.replace("_", " ")
    output.say(f"{name} is not active{' any more' if was else ' anyway'}: {now.name} serves {kind}.")
    if note:
        output.say(note)


@providers.command("remove")
def provider_remove(name: Name, yes: Yes = False, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """Remove a provider with its credentials; its usage stays on the ledger."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    found = repository.list(database, tenants.get(database, tenant).id)
    active = repository.required(found, tenant, name).provider.active
    relying = [stored.provider.name for stored in found if stored.provider.fallback == name]
    if not yes:
        what = f"{name} of {tenant}" + (", which is active" if active else "")
        what += f", the fallback of {', '.join(relying)}" if relying else ""
        confirm_removal(what)
    repository.delete(database, tenant, name)
    follow(settings, database)
    if json:
        output.emit({"removed": name, "without_fallback": relying})
        return
    output.say(f"Provider {name} removed; its usage stays on the ledger.")
    if relying:
        output.warn(f"{', '.join(relying)} falls back to nothing now.")


@providers.command("models")
def provider_models(name: Name, tenant: Tenant = tenants.DEFAULT_TENANT, json: Json = False) -> None:
    """List the models that a provider offers, and when they end."""
    settings = Settings.from_environment()
    endpoint = views.endpoints(Database.open(settings), tenant, name)[0]
    used = endpoint.provider.model
    try:
        found = health_check.models(settings, endpoint)
    except PrecedentError as error:
        raise PrecedentError(f"{name} does not tell its models: {error}") from None
    if json:
        output.emit([provider_tables.model_record(model, used) for model in found])
    elif found:
        provider_tables.show_models(name, found, used)
    else:
        output.say(f"{name} has no list of models; it uses {used}.")


def follow(settings: Settings, database: Database) -> None:
    """Let Dagster's pools follow the tenants' providers."""
    from orchestration.instance import dagster_instance
    from orchestration.pools import sync_pools

    with dagster_instance(settings, database.endpoints) as instance:
        sync_pools(instance, database)


def consequence(before: Endpoint, after: Endpoint) -> str | None:
    """What another choice means for vectors that are stored already, or None."""
    old, new = before.provider, after.provider
    if new.capability is not Capability.EMBEDDING or same_space(old, new):
        return None
    return (
        f"Vectors of {new.model} cannot be compared with those of {old.model}: the next refresh of each source embeds "
        "all of its passages anew, and search goes on with the old ones until then."
    )


def _head(database: Database, tenant: str, capability: Capability) -> Endpoint:
    return chain(database, tenants.get(database, tenant).id, capability)[0]


def _emit_one_or_all(found: list[Any]) -> None:
    output.emit(found[0] if len(found) == 1 else found)
