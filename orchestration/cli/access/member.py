"""`member`: the people of a tenant, and the administrators of the platform."""

from typing import Annotated

import typer

from hub.settings import HubSettings, sign_in_link
from orchestration.cli import output
from orchestration.cli.access.scope import Platform, place, tenant_id
from orchestration.cli.options import Json, Tenant, Yes, confirm_removal
from precedent.access import audit, members, sessions
from precedent.database.session import Database
from precedent.tenants.tenants import DEFAULT_TENANT

app = typer.Typer(help="Members: the people of a tenant, and what they may do.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="An e-mail address or a login.")]


@app.command("add")
def add(
    name: Name,
    role: Annotated[str | None, typer.Option("--role", help="viewer, operator or admin.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    platform: Platform = False,
    json: Json = False,
) -> None:
    """Add a member, or give one another role."""
    database = Database.open()
    number = tenant_id(database, tenant, platform=platform)
    member = members.save(database, number, name, role or ("platform" if platform else "viewer"))
    if json:
        output.emit({"tenant": None if platform else tenant, "name": member.name, "role": member.role})
    else:
        where = place(tenant, platform=platform)
        output.say(
            f"{member.name} is {member.role} of {where}. Let them in with `precedent member link {member.name}`."
        )


@app.command("list")
def list_members(tenant: Tenant = DEFAULT_TENANT, platform: Platform = False, json: Json = False) -> None:
    """List the members."""
    database = Database.open()
    found = members.list(database, tenant_id(database, tenant, platform=platform))
    if json:
        output.emit(found)
    else:
        rows = [[member.name, member.role, f"{member.since:%Y-%m-%d}"] for member in found]
        output.table(f"Members of {place(tenant, platform=platform)}", ["name", "role", "since"], rows)


@app.command("remove")
def remove(
    name: Name, tenant: Tenant = DEFAULT_TENANT, platform: Platform = False, yes: Yes = False, json: Json = False
) -> None:
    """Remove a member; from its next request on it may do nothing there."""
    database = Database.open()
    number = tenant_id(database, tenant, platform=platform)
    member = members.required(database, number, name)
    where = place(tenant, platform=platform)
    if not yes:
        confirm_removal(f"{member.name} from {where}")
    members.delete(database, number, name)
    if json:
        output.emit({"removed": member.name})
    else:
        output.say(f"{member.name} is no member of {where} any more.")


@app.command("link")
def link(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Where the hub is reached.")] = HubSettings().url,
    tenant: Tenant = DEFAULT_TENANT,
    platform: Platform = False,
    json: Json = False,
) -> None:
    """Print a link by which a member signs in to the hub, once, within a day."""
    database = Database.open()
    number = tenant_id(database, tenant, platform=platform)
    member = members.required(database, number, name)
    found = sign_in_link(url, sessions.add_link(database, member.name))
    audit.record(database, number, "invited", "member", member.name)
    if json:
        output.emit({"name": member.name, "url": found})
    else:
        output.say(f"{member.name} signs in here, once, within a day: {found}")


@app.command("sign-out")
def sign_out(name: Name, json: Json = False) -> None:
    """End all sessions of a person."""
    ended = sessions.delete(Database.open(), members.check_name(name))
    if json:
        output.emit({"ended": ended})
    else:
        output.say(f"{ended} session{'s' if ended != 1 else ''} ended.")
