"""`store`: the server that holds a copy of a tenant's vectors."""

from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import KeyFile, KeyStdin, NoTest, Yes, confirm_removal
from orchestration.cli.provider_options import read_secrets
from orchestration.cli.provider_tables import key_state
from orchestration.cli.tenant import Json, Tenant
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.base import DriverInfo
from precedent.settings import Settings
from precedent.tenants import tenants as tenancy
from precedent.vector_stores import health as store_health
from precedent.vector_stores import repository as vector_stores
from precedent.vector_stores.health import StoreHealth
from precedent.vector_stores.mirror import empty
from precedent.vector_stores.repository import StoreRow, StoreSpecification

Name = Annotated[str, typer.Argument(help="The store's name.")]
# A server of one's own may have no key: it is not asked for.
QDRANT = DriverInfo(name="qdrant", title="Qdrant", capabilities=frozenset(), needs_key=False)

stores = typer.Typer(help="Vector stores: a copy of a tenant's vectors in Qdrant, which search asks first.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(stores, name="store", no_args_is_help=True)


@stores.command("add")
def store_add(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Where the server is, e.g. https://qdrant.example.org:6333.")],
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    isolation: Annotated[
        str,
        typer.Option("--isolation", help="shared: a collection a model; collection: one a space of this tenant."),
    ] = "shared",
    prefer_grpc: Annotated[bool, typer.Option("--prefer-grpc", help="Send points by gRPC, on port 6334.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the store of this name.")] = False,
    no_test: NoTest = False,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Add the tenant's vector store, once it has answered; the key comes from a file or standard input."""
    secrets = read_secrets(QDRANT, key_file, key_stdin=key_stdin, no_key=False, replaces=replace)
    spec = StoreSpecification(name, url.rstrip("/"), isolation, prefer_grpc, secrets)
    settings = Settings.from_environment()
    database = Database.open(settings)
    health = None
    if not no_test:
        health = store_health.check_specification(database, settings, tenant, spec, replace=replace)
    if health is not None and not health.reachable:
        raise PrecedentError(f"{health.error} Nothing was saved; --no-test saves it all the same.")
    row, before = vector_stores.save(database, settings, tenant, spec, replace=replace)
    if json:
        shown = _shown(database, settings, row)
        output.emit({"store": shown, "test": health, "instead_of": before.name if before else None})
        return
    output.say(f"Vector store {name} of {tenant}: {row.url}, isolation {row.isolation}.")
    if health is None:
        output.say(f"It was not tried: `precedent store test {name}` does.")
    else:
        _say_health(health)
    if before is not None:
        output.say(f"It takes the place of {before.name}, which keeps its points until it is removed.")
    output.say(f"Fill it with `precedent refresh {tenant}/SOURCE --select vectors`, for each source.")


@stores.command("show")
def store_show(
    name: Annotated[str | None, typer.Argument(help="The store's name; all without one.")] = None,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Show all of a store but its key: what it holds, and whether search asks it."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    rows = [vector_stores.get(database, tenant, name)] if name else vector_stores.list(database, tenant)
    found = [_shown(database, settings, row) for row in rows]
    if json:
        output.emit(found[0] if name else found)
        return
    if not found:
        output.say(f"{tenant} has no vector store: its vectors are in PostgreSQL only.")
    for row, item in zip(rows, found, strict=True):
        lines: list[list[object]] = [
            ["address", row.url + (" (gRPC)" if row.prefer_grpc else "")], ["isolation", row.isolation],
            ["active", row.is_active], ["key", key_state(row.shown_key(settings))], ["revision", row.revision],
        ]  # fmt: skip
        lines += [
            [
                f"space {space['space']} ({space['status']})",
                f"{space['points']:,} of {space['vectors']:,} vectors in {space['collection']}, "
                + ("search asks it" if space["ready"] else f"not asked: {space['reason']}"),
            ]
            for space in item["spaces"]
        ]
        output.table(f"Vector store {row.name}", ["what", "is"], lines)


@stores.command("test")
def store_test(name: Name, tenant: Tenant = tenancy.DEFAULT_TENANT, json: Json = False) -> None:
    """Ask a store once: does it answer, how fast, and in which version?"""
    settings = Settings.from_environment()
    database = Database.open(settings)
    row = vector_stores.get(database, tenant, name)
    health = store_health.check(database, settings, row)
    if json:
        output.emit(health)
    if not health.reachable:
        raise PrecedentError(str(health.error))
    if not json:
        _say_health(health)


@stores.command("remove")
def store_remove(
    name: Name,
    yes: Yes = False,
    keep_points: Annotated[
        bool, typer.Option("--keep-points", help="Leave the points on the server, which need not answer then.")
    ] = False,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Remove a store with its key, and the tenant's points from its server; PostgreSQL keeps every vector."""
    settings = Settings.from_environment()
    database = Database.open(settings)
    row = vector_stores.get(database, tenant, name)
    if not yes:
        what = f"the vector store {name} of {tenant}" + ("" if keep_points else f" and its points on {row.url}")
        confirm_removal(what)
    emptied = 0
    if not keep_points:
        try:
            emptied = empty(database, settings, row)
        except PrecedentError as error:
            raise PrecedentError(f"{error} Nothing was removed; --keep-points leaves its points there.") from None
    vector_stores.delete(database, row)
    if json:
        output.emit({"removed": name, "spaces_emptied": emptied, "points_kept": keep_points})
        return
    output.say(f"Vector store {name} removed" + (", its points stay there." if keep_points else " with its points."))


def _shown(database: Database, settings: Settings, row: StoreRow) -> dict[str, Any]:
    return {
        "name": row.name, "kind": vector_stores.KIND, "url": row.url, "isolation": row.isolation,
        "prefer_grpc": row.prefer_grpc, "active": row.is_active, "revision": row.revision,
        "credentials": row.shown_key(settings), "spaces": store_health.coverage(database, row),
    }  # fmt: skip


def _say_health(health: StoreHealth) -> None:
    output.say(f"It answered in {health.latency_ms:.0f} ms: Qdrant {health.version}.")
    for warning in health.warnings:
        output.warn(warning)
