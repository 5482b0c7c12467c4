"""`store`: the server that holds a copy of a tenant's vectors."""

from typing import Annotated, Any

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json, KeyFile, KeyStdin, NoTest, Tenant, Yes, confirm_removal
from orchestration.cli.providers.options import read_secrets
from orchestration.cli.providers.tables import key_state
from precedent.errors import PrecedentError
from precedent.platform import Platform
from precedent.providers.base import DriverInfo
from precedent.tenants.tenants import DEFAULT_TENANT
from precedent.vector_stores import health as store_health
from precedent.vector_stores import repository as vector_stores
from precedent.vector_stores.health import StoreHealth
from precedent.vector_stores.mirror import empty
from precedent.vector_stores.repository import StoreRow, StoreSpecification

Name = Annotated[str, typer.Argument(help="The store's name.")]
# A private server may have no key: the command does not ask for one.
QDRANT = DriverInfo(name="qdrant", title="Qdrant", capabilities=frozenset(), needs_key=False)

app = typer.Typer(
    help="Vector stores: a copy of a tenant's vectors in Qdrant, which search asks first.", no_args_is_help=True
)


@app.command("add")
def add(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Where the server is, e.g. https://qdrant.example.org:6333.")],
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    isolation: Annotated[
        str, typer.Option("--isolation", help="shared: a collection a model; collection: one a space of this tenant.")
    ] = "shared",
    prefer_grpc: Annotated[bool, typer.Option("--prefer-grpc", help="Send points by gRPC, on port 6334.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the store of this name.")] = False,
    no_test: NoTest = False,
    tenant: Tenant = DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Add the tenant's vector store, once it has answered; the key comes from a file or standard input."""
    secrets = read_secrets(QDRANT, key_file, key_stdin=key_stdin, no_key=False, replaces=replace)
    spec = StoreSpecification(name, url.rstrip("/"), isolation, prefer_grpc, secrets)
    with precedent.open() as platform:
        database, settings = platform.database, platform.settings
        health = None
        if not no_test:
            health = store_health.check_specification(database, settings, tenant, spec, replace=replace)
        if health is not None and not health.reachable:
            raise PrecedentError(f"{health.error} Nothing was saved; --no-test saves it all the same.")
        row, before = vector_stores.save(database, settings, tenant, spec, replace=replace)
        shown = _shown(platform, row)
    if json:
        output.emit({"store": shown, "test": health, "instead_of": before.name if before else None})
        return
    output.say(f"Vector store {name} of {tenant}: {row.url}, isolation {row.isolation}.")
    if health is None:
        output.say(f"It was not tried: `precedent store test {name}` does.")
    else:
        _show_health(health)
    if before is not None:
        output.say(f"It takes the place of {before.name}, which keeps its points until it is removed.")
    output.say(f"Fill it with `precedent refresh {tenant}/SOURCE --select vectors`, for each source.")


@app.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="The store's name; all without one.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Show all of a store but its key: what it holds, and whether search asks it."""
    with precedent.open() as platform:
        database = platform.database
        rows = [vector_stores.get(database, tenant, name)] if name else vector_stores.list(database, tenant)
        found = [_shown(platform, row) for row in rows]
    if json:
        output.emit(found[0] if name else found)
        return
    if not found:
        output.say(f"{tenant} has no vector store: its vectors are in PostgreSQL only.")
    for row, item in zip(rows, found, strict=True):
        lines: list[list[object]] = [
            ["address", row.url + (" (gRPC)" if row.prefer_grpc else "")],
            ["isolation", row.isolation],
            ["active", row.is_active],
            ["key", key_state(row.shown_key(platform.settings))],
            ["revision", row.revision],
        ]
        lines += [[f"space {space['space']} ({space['status']})", _coverage(space)] for space in item["spaces"]]
        output.table(f"Vector store {row.name}", ["what", "is"], lines)


@app.command("test")
def check_store(name: Name, tenant: Tenant = DEFAULT_TENANT, json: Json = False) -> None:
    """Ask a store once: does it answer, how fast, and in which version?"""
    with precedent.open() as platform:
        row = vector_stores.get(platform.database, tenant, name)
        health = store_health.check(platform.database, platform.settings, row)
    if json:
        output.emit(health)
    if not health.reachable:
        raise PrecedentError(str(health.error))
    if not json:
        _show_health(health)


@app.command("remove")
def remove(
    name: Name,
    yes: Yes = False,
    keep_points: Annotated[
        bool, typer.Option("--keep-points", help="Leave the points on the server, which need not answer then.")
    ] = False,
    tenant: Tenant = DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Remove a store with its key, and the tenant's points from its server; PostgreSQL keeps every vector."""
    with precedent.open() as platform:
        row = vector_stores.get(platform.database, tenant, name)
        if not yes:
            what = f"the vector store {name} of {tenant}" + ("" if keep_points else f" and its points on {row.url}")
            confirm_removal(what)
        emptied = 0 if keep_points else _empty(platform, row)
        vector_stores.delete(platform.database, row)
    if json:
        output.emit({"removed": name, "spaces_emptied": emptied, "points_kept": keep_points})
        return
    output.say(f"Vector store {name} removed" + (", its points stay there." if keep_points else " with its points."))


def _empty(platform: Platform, row: StoreRow) -> int:
    try:
        return empty(platform.database, platform.settings, row)
    except PrecedentError as error:
        raise PrecedentError(f"{error} Nothing was removed; --keep-points leaves its points there.") from None


def _shown(platform: Platform, row: StoreRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": vector_stores.KIND,
        "url": row.url,
        "isolation": row.isolation,
        "prefer_grpc": row.prefer_grpc,
        "active": row.is_active,
        "revision": row.revision,
        "credentials": row.shown_key(platform.settings),
        "spaces": store_health.coverage(platform.database, row),
    }


def _coverage(space: dict[str, Any]) -> str:
    asked = "search asks it" if space["ready"] else f"not asked: {space['reason']}"
    return f"{space['points']:,} of {space['vectors']:,} vectors in {space['collection']}, {asked}"


def _show_health(health: StoreHealth) -> None:
    output.say(f"It answered in {health.latency_ms:.0f} ms: Qdrant {health.version}.")
    for warning in health.warnings:
        output.warn(warning)
