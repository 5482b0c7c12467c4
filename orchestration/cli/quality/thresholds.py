"""`thresholds`: when the quality of vectors is good enough."""

from typing import Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json, Tenant
from precedent.errors import UsageError
from precedent.quality import thresholds as store
from precedent.quality.threshold_scope import Rejudged, Scope, find_scope, judge_scope_again
from precedent.quality.thresholds import NAMES, Thresholds, checked
from precedent.tenants.tenants import DEFAULT_TENANT

Source = Annotated[str | None, typer.Option("--source", "-s", help="One source of the tenant, which goes first.")]

app = typer.Typer(help="When a quality report fails: by default, for a tenant, for one source.", no_args_is_help=True)


@app.command("show")
def show(tenant: Tenant = DEFAULT_TENANT, source: Source = None, json: Json = False) -> None:
    """Show every threshold that holds, and who set it."""
    with precedent.open() as platform:
        scope = find_scope(platform.database, tenant, source)
        with platform.database.bulk(scope.tenant_id) as connection:
            layers = store.for_source(connection, scope.source_id)
    limits, default = layers.thresholds, Thresholds()
    rows = [
        {
            "name": name,
            "value": getattr(limits, name),
            "default": getattr(default, name),
            "set_by": layers.origin(name),
        }
        for name in NAMES
    ]
    if json:
        output.emit(rows)
        return
    cells = [[row["name"], f"{row['value']:g}", f"{row['default']:g}", row["set_by"]] for row in rows]
    output.table(f"Thresholds of {scope.name}", ["threshold", "value", "default", "set by"], cells)


@app.command("set")
def set_thresholds(
    settings: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="E.g. coverage=0.98.")],
    tenant: Tenant = DEFAULT_TENANT,
    source: Source = None,
    json: Json = False,
) -> None:
    """Set thresholds of a tenant, or with --source of one source; reports are judged by them at once."""
    values = checked(dict(_pair(text) for text in settings))
    with precedent.open() as platform:
        scope = find_scope(platform.database, tenant, source)
        with platform.database.bulk(scope.tenant_id) as connection:
            store.save(connection, scope.tenant_id, scope.source_id, values)
            changed = judge_scope_again(connection, scope)
    _show(scope, f"{', '.join(f'{name} = {value:g}' for name, value in values.items())} set", changed, json=json)


@app.command("clear")
def clear(
    chosen: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="By default all.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    source: Source = None,
    json: Json = False,
) -> None:
    """Go back to what holds without a tenant's or source's own thresholds."""
    for name in chosen or ():
        if name not in NAMES:
            raise UsageError(f"There is no threshold {name!r}: choose from {', '.join(sorted(NAMES))}.")
    with precedent.open() as platform:
        scope = find_scope(platform.database, tenant, source)
        with platform.database.bulk(scope.tenant_id) as connection:
            store.delete(connection, scope.source_id, chosen or ())
            changed = judge_scope_again(connection, scope)
    _show(scope, f"{', '.join(chosen) if chosen else 'all thresholds'} cleared", changed, json=json)


def _show(scope: Scope, done: str, changed: list[Rejudged], *, json: bool) -> None:
    if json:
        output.emit({"of": scope.name, "done": done, "judged_again": changed})
        return
    output.say(f"{scope.name}: {done}.")
    for row in changed:
        failed = ", ".join(row.failed)
        result = f"fails {failed}" if not row.passed else f"passes, but for {failed}" if failed else "passes"
        output.say(f"The report on {row.source} (space {row.space}) now {result}: {row.score:.0f} of 100.")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text!r} sets nothing: write NAME=VALUE, e.g. coverage=0.98.")
    return name.strip(), value.strip()
