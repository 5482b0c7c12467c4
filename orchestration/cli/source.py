"""`source`: what a tenant has connected."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, KeyFile, KeyStdin, NoTest, Tenant
from orchestration.cli.source_options import source_configuration, source_secrets
from precedent.database.session import Database
from precedent.sources import repository as catalog
from precedent.sources.status import SourceStatus, statuses
from precedent.tenants import tenants as tenancy

Key = Annotated[str, typer.Argument(help="TENANT/SOURCE, or the name of a default tenant's source.")]

sources = typer.Typer(help="Sources: where records come from.", no_args_is_help=True)


@sources.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="A name; with --tenant, or as TENANT/NAME.")],
    where: Annotated[
        str | None,
        typer.Argument(metavar="WHERE", help="A folder, file or clone; OWNER/NAME on GitHub; else a URL."),
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help="archive, git, github, jira or statuspage.")] = "archive",
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help='archive: map a field, e.g. --map id="Issue id" --map title=Summary.'),
    ] = None,
    as_kind: Annotated[
        str, typer.Option("--as", help="archive: mapped records are issue, pull_request, commit or incident.")
    ] = "issue",
    branch: Annotated[str | None, typer.Option(help="git: the branch to read; by default HEAD.")] = None,
    depth: Annotated[int | None, typer.Option(help="git by URL: commits of history; by default all.")] = None,
    user: Annotated[str | None, typer.Option(help="jira: e-mail or user name; git by URL: user name.")] = None,
    project: Annotated[list[str] | None, typer.Option("--project", help="jira: the key of a project.")] = None,
    jql: Annotated[str | None, typer.Option(help="jira: a condition that issues must meet.")] = None,
    field: Annotated[list[str] | None, typer.Option("--field", help="jira: a custom field to keep, by name.")] = None,
    base_url: Annotated[str | None, typer.Option(help="github: of Enterprise, https://HOST/api/v3.")] = None,
    app_id: Annotated[str | None, typer.Option(help="github: the id of an App; the key is its private key.")] = None,
    installation_id: Annotated[int | None, typer.Option(help="github: the App's installation.")] = None,
    commit_files: Annotated[bool, typer.Option("--commit-files", help="github: a request for each commit.")] = False,
    key_file: KeyFile = None,
    key_stdin: KeyStdin = False,
    no_test: NoTest = False,
    path_option: Annotated[Path | None, typer.Option("--path", help="The same as WHERE.")] = None,
    json: Json = False,
) -> None:
    """Add a source; a server is asked once before anything is saved.

    Tokens come from a file or standard input, never from the command line. GitHub: a fine-grained token that may read
    contents, issues, pull requests, deployments and metadata. Jira Cloud: an API token with --user; Server and Data
    Center: a personal access token.
    """
    if "/" in name:
        tenant, name = catalog.split_key(name)
    values: dict[str, Any] = {
        "map": mapping, "as": as_kind if as_kind != "issue" else None, "branch": branch, "depth": depth, "user": user,
        "project": project, "jql": jql, "field": field, "base-url": base_url, "app-id": app_id,
        "installation-id": installation_id, "commit-files": commit_files or None,
    }  # fmt: skip
    place = where or (str(path_option) if path_option else None)
    configuration = source_configuration(kind, name, place, values)
    secrets = source_secrets(key_file, key_stdin=key_stdin)
    row = catalog.add(Database.open(), tenant, name, kind, configuration, secrets, test=not no_test)
    if json:
        output.emit({"tenant": row.tenant, "name": row.name, "kind": row.kind, "key": row.key})
        return
    output.say(f"Source {row.key} added. Load it with `precedent refresh {row.key}`.")
    if row.live:
        output.say("While `precedent up` runs, what is new arrives by itself.")


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
        "source", "kind", "state", "raw", "documents", "chunks", "embedded", "failed", "rejected", "last refresh",
    ]  # fmt: skip
    cells = [
        [
            f"{row.tenant}/{row.name}", row.kind, _state(row), _raw(row.raw), row.documents, row.chunks, row.embedded,
            row.failed, row.rejected, row.last_refresh.strftime("%Y-%m-%d %H:%M") if row.last_refresh else "never",
        ]
        for row in rows
    ]  # fmt: skip
    output.table("Sources", columns, cells)
    for row in rows:
        if row.reason:
            output.say(f"{row.tenant}/{row.name}: {row.reason}")


@sources.command("remove")
def source_remove(key: Key, json: Json = False) -> None:
    """Remove a source with all its rows."""
    row = catalog.remove(Database.open(), key)
    if json:
        output.emit({"removed": row.key})
    else:
        output.say(f"Source {row.key} removed with all its rows.")


@sources.command("pause")
def source_pause(key: Key, json: Json = False) -> None:
    """Let sensors and schedules leave a source alone; its rows stay, and `refresh` still reads it."""
    _paused(key, json=json, paused=True)


@sources.command("resume")
def source_resume(key: Key, json: Json = False) -> None:
    """Look after a paused source again."""
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
    row = catalog.pause(Database.open(), key, paused=paused)
    if json:
        output.emit({"key": row.key, "paused": not row.is_active})
    else:
        output.say(f"Source {row.key} is {'looked after again' if row.is_active else 'paused'}.")


def _state(row: SourceStatus) -> str:
    if row.state == "waiting" and row.wait_until is not None:
        return f"waiting until {row.wait_until.astimezone().strftime('%H:%M')}"
    return row.state


def _raw(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items() if n) or "nothing"
