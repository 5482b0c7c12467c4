"""`source`: what a tenant has connected."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, KeyFile, KeyStdin, NoTest, Tenant
from orchestration.cli.source_options import source_configuration, source_secrets, with_kind_options
from precedent.database.session import Database
from precedent.settings import Settings
from precedent.sources import registry
from precedent.sources import repository as catalog
from precedent.sources.status import SourceStatus, statuses
from precedent.tenants import tenants as tenancy

Key = Annotated[str, typer.Argument(help="TENANT/SOURCE, or the name of a default tenant's source.")]

sources = typer.Typer(help="Sources: where records come from.", no_args_is_help=True)


@sources.command("add")
@with_kind_options
def source_add(
    name: Annotated[str, typer.Argument(help="A name; with --tenant, or as TENANT/NAME.")],
    where: Annotated[
        str | None,
        typer.Argument(metavar="WHERE", help="A folder, file or clone; OWNER/NAME on GitHub; else a URL."),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="One of `precedent source kinds`.")] = "archive",
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    no_test: NoTest = False,
    path_option: Annotated[Path | None, typer.Option("--path", help="The same as WHERE.")] = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Add a source; a server is asked once before anything is saved.

    A key comes from a file or standard input, never from the command line; `precedent source kinds` says what key each
    kind takes.
    """
    if "/" in name:
        tenant, name = catalog.split_key(name)
    place = where or (str(path_option) if path_option else None)
    configuration = source_configuration(kind, name, place, options)
    secrets = source_secrets(key_file, key_stdin=key_stdin)
    row = catalog.add(Database.open(), tenant, name, kind, configuration, secrets, test=not no_test)
    if json:
        output.emit({"tenant": row.tenant, "name": row.name, "kind": row.kind, "key": row.key})
        return
    output.say(f"Source {row.key} added. Load it with `precedent refresh {row.key}`.")
    if row.live:
        output.say("While `precedent up` runs, what is new arrives by itself.")


@sources.command("kinds")
def source_kinds(json: Json = False) -> None:
    """List the kinds of source with their options, and why one cannot be used."""
    found = registry.list_kinds()
    if json:
        output.emit(found)
        return
    cells = [
        [kind.name, kind.title, kind.key, ", ".join(f"--{option.name}" for option in kind.options)]
        for kind in found
        if kind.available
    ]
    output.table("Kinds of source", ["kind", "what", "key", "options"], cells)
    for kind in found:
        if not kind.available:
            output.say(f"{kind.name} of {kind.distribution} cannot be used: {kind.reason}.")


@sources.command("list")
def source_list(
    tenant: Annotated[str | None, typer.Option("--tenant", "-t", help="Only this tenant.")] = None,
    json: Json = False,
) -> None:
    """List the sources with their state and their rows by layer."""
    rows = statuses(Database.open(), tenant)
    if json:
        output.emit(rows)
        return
    columns = [
        "source",
        "kind",
        "state",
        "raw",
        "documents",
        "chunks",
        "embedded",
        "failed",
        "rejected",
        "last refresh",
    ]
    cells = [
        [
            f"{row.tenant}/{row.name}",
            row.kind,
            _state(row),
            _raw(row.raw),
            row.documents,
            row.chunks,
            row.embedded,
            row.failed,
            row.rejected,
            row.last_refresh.strftime("%Y-%m-%d %H:%M") if row.last_refresh else "never",
        ]
        for row in rows
    ]
    output.table("Sources", columns, cells)
    for row in rows:
        if row.reason:
            output.say(f"{row.tenant}/{row.name}: {row.reason}")


@sources.command("remove")
def source_remove(key: Key, json: Json = False) -> None:
    """Remove a source with all its rows and its partition."""
    from orchestration.instance import dagster_instance, sync_partitions

    settings = Settings.from_environment()
    database = Database.open(settings)
    row = catalog.delete(database, key)
    with dagster_instance(settings, database.endpoints) as instance:
        sync_partitions(instance, database)
    if json:
        output.emit({"removed": row.key})
    else:
        output.say(f"Source {row.key} removed with all its rows.")


@sources.command("pause")
def source_pause(key: Key, json: Json = False) -> None:
    """Make sensors and schedules leave a source alone; its rows stay, and `refresh` still reads it."""
    _paused(key, json=json, paused=True)


@sources.command("resume")
def source_resume(key: Key, json: Json = False) -> None:
    """Make sensors and schedules ask a paused source again."""
    _paused(key, json=json, paused=False)


@sources.command("set-key")
def source_set_key(
    key: Key,
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    no_key: Annotated[bool, typer.Option("--no-key", help="Ask without credentials from now on.")] = False,
    no_test: NoTest = False,
    json: Json = False,
) -> None:
    """Give a source another token, once the server has taken it; its next sync begins at the next tick."""
    secrets = {} if no_key else source_secrets(key_file, key_stdin=key_stdin, prompt=True)
    row = catalog.set_key(Database.open(), key, secrets, test=not no_test)
    if json:
        output.emit({"key": row.key, "has_key": row.stored is not None})
    else:
        output.say(f"Source {row.key} asks with {'the new key' if row.stored else 'no key'} from now on.")


def _paused(key: str, *, json: bool, paused: bool) -> None:
    row = catalog.set_paused(Database.open(), key, paused=paused)
    if json:
        output.emit({"key": row.key, "paused": not row.is_active})
    else:
        output.say(f"Source {row.key} is {'asked again' if row.is_active else 'paused'}.")


def _state(row: SourceStatus) -> str:
    if row.state == "waiting" and row.wait_until is not None:
        return f"waiting until {row.wait_until.astimezone().strftime('%H:%M')}"
    return row.state


def _raw(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items() if n) or "nothing"
