"""`token`: keys by which programs use the hub's interfaces."""

from datetime import timedelta
from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.access.scope import Platform, place, tenant_id
from orchestration.cli.options import Json, Tenant, Yes, confirm_removal
from precedent.access import tokens
from precedent.access.tokens import NewToken
from precedent.database.session import Database
from precedent.tenants.tenants import DEFAULT_TENANT

app = typer.Typer(help="Tokens: keys by which programs use the hub's interfaces.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="What it is called.")]


@app.command("add")
def add(
    name: Name,
    role: Annotated[str | None, typer.Option("--role", help="viewer, operator or admin.")] = None,
    days: Annotated[int, typer.Option("--days", min=0, max=3650, help="How long it is valid; 0 for no end.")] = 365,
    tenant: Tenant = DEFAULT_TENANT,
    platform: Platform = False,
    json: Json = False,
) -> None:
    """Make a token and print it: it is not shown again."""
    database = Database.open()
    number = tenant_id(database, tenant, platform=platform)
    lifetime = timedelta(days=days) if days else None
    _show(tokens.add(database, number, name, role or ("platform" if platform else "viewer"), lifetime), json=json)


@app.command("list")
def list_tokens(tenant: Tenant = DEFAULT_TENANT, platform: Platform = False, json: Json = False) -> None:
    """List the tokens, never themselves, also those that are no longer valid."""
    database = Database.open()
    found = tokens.list(database, tenant_id(database, tenant, platform=platform))
    if json:
        output.emit([{**{name: getattr(row, name) for name in row.__slots__}, "state": row.state} for row in found])
        return
    rows: list[list[object]] = [
        [
            row.name,
            row.role,
            row.state,
            f"…{row.last_four}",
            f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "never",
            f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never",
        ]
        for row in found
    ]
    columns = ["name", "role", "state", "ends with", "expires", "last used (UTC)"]
    output.table(f"Tokens of {place(tenant, platform=platform)}", columns, rows)


@app.command("rotate")
def rotate(
    name: Name,
    overlap: Annotated[float, typer.Option("--overlap", min=0, max=720, help="Hours in which both are valid.")] = 24,
    tenant: Tenant = DEFAULT_TENANT,
    platform: Platform = False,
    json: Json = False,
) -> None:
    """Make a token that replaces one, and print it; for a while both are valid."""
    database = Database.open()
    number = tenant_id(database, tenant, platform=platform)
    _show(tokens.rotate(database, number, name, timedelta(hours=overlap)), json=json)


@app.command("revoke")
def revoke(
    name: Name, tenant: Tenant = DEFAULT_TENANT, platform: Platform = False, yes: Yes = False, json: Json = False
) -> None:
    """End a token at once, with the one that it replaces."""
    if not yes:
        confirm_removal(f"the token {name} of {place(tenant, platform=platform)}")
    database = Database.open()
    ended = tokens.revoke(database, tenant_id(database, tenant, platform=platform), name)
    if json:
        output.emit({"revoked": ended})
    else:
        output.say(f"The token {name} is revoked.")


def _show(made: NewToken, *, json: bool) -> None:
    if json:
        output.emit({"name": made.row.name, "role": made.row.role, "expires": made.row.expires_at, "token": made.token})
        return
    until = f"until {made.row.expires_at:%Y-%m-%d}" if made.row.expires_at else "until it is revoked"
    output.say(f"The token {made.row.name} ({made.row.role}) is valid {until}. It is shown this once:")
    output.say(made.token, bold=True)
