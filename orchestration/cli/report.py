"""`report` and `thresholds`: how good a source's vectors are, and when that is good enough."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.output import console, print_json, print_table
from orchestration.cli.tenant import Json, Tenant
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.quality import source_report
from precedent.quality import thresholds as store
from precedent.quality.report.page import quality_page
from precedent.quality.samples import Connection
from precedent.quality.source_report import SourceReport
from precedent.quality.thresholds import NAMES, Thresholds, checked
from precedent.quality.trend import trend
from precedent.quality.verdicts import judge_again
from precedent.sources import repository as catalog
from precedent.tenants import tenants as tenancy

Source = Annotated[str | None, typer.Option("--source", "-s", help="One source of the tenant, which goes first.")]

thresholds = typer.Typer(help="When a quality report fails: by default, for a tenant, for one source.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("report")(report)
    app.add_typer(thresholds, name="thresholds", no_args_is_help=True)


def report(
    key: Annotated[str, typer.Argument(help="TENANT/SOURCE, or the name of a default tenant's source.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file; by default TENANT-SOURCE-quality.html here.")] = None,
    json: Json = False,
) -> None:
    """Write a source's newest quality report as one HTML file that needs nothing else; with --json print it."""
    database = Database.open()
    content = source_report.read(database, catalog.find(database, key))
    file = None
    if out is not None or not json:
        file = out or Path(f"{content.key.replace('/', '-')}-quality.html")
        _write(file, quality_page(content))
    if json:
        print_json(_as_json(content) | ({"file": str(file)} if file else {}))
        return
    rows = [[gate.name, gate.result, gate.reason] for gate in content.verdict.gates]
    print_table(f"{content.key}: {content.verdict.score:.0f} of 100", ["gate", "result", "figures"], rows)
    if not content.up_to_date:
        console.print(f"The vectors have changed since: precedent refresh {content.key} --select reports.")
    console.print(f"Written to {file}.", markup=False, soft_wrap=True)


@thresholds.command("show")
def thresholds_show(tenant: Tenant = tenancy.DEFAULT_TENANT, source: Source = None, json: Json = False) -> None:
    """Show every threshold that holds, and who set it."""
    database = Database.open()
    scope = _scope(database, tenant, source)
    with database.bulk(scope.tenant_id) as connection:
        layers = store.for_source(connection, scope.source_id)
    limits, default = layers.thresholds, Thresholds()
    rows = [
        {"name": name, "value": getattr(limits, name), "default": getattr(default, name),
         "set_by": layers.origin(name)}
        for name in NAMES
    ]  # fmt: skip
    if json:
        print_json(rows)
        return
    print_table(
        f"Thresholds of {scope.name}", ["threshold", "value", "default", "set by"],
        [[row["name"], f"{row['value']:g}", f"{row['default']:g}", row["set_by"]] for row in rows],
    )  # fmt: skip


@thresholds.command("set")
def thresholds_set(
    settings: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="E.g. coverage=0.98.")],
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    source: Source = None,
    json: Json = False,
) -> None:
    """Set thresholds of a tenant, or with --source of one source; reports are judged by them at once."""
    values = checked(dict(_pair(text) for text in settings))
    database = Database.open()
    scope = _scope(database, tenant, source)
    with database.bulk(scope.tenant_id) as connection:
        store.save(connection, scope.tenant_id, scope.source_id, values)
        changed = _judged_again(connection, scope)
    _say(scope, f"{', '.join(f'{name} = {value:g}' for name, value in values.items())} set", changed, json=json)


@thresholds.command("clear")
def thresholds_clear(
    chosen: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="By default all.")] = None,
    tenant: Tenant = tenancy.DEFAULT_TENANT,
    source: Source = None,
    json: Json = False,
) -> None:
    """Go back to what holds without a tenant's or source's own thresholds."""
    for name in chosen or ():
        if name not in NAMES:
            raise UsageError(f"There is no threshold {name!r}: choose from {', '.join(sorted(NAMES))}.")
    database = Database.open()
    scope = _scope(database, tenant, source)
    with database.bulk(scope.tenant_id) as connection:
        store.delete(connection, scope.source_id, chosen or ())
        changed = _judged_again(connection, scope)
    _say(scope, f"{', '.join(chosen) if chosen else 'all thresholds'} cleared", changed, json=json)


@dataclass(frozen=True, slots=True)
class _Scope:
    """A tenant, or one source of it; `sources` holds the ids and keys that its thresholds reach."""

    name: str
    tenant_id: int
    source_id: int | None
    sources: dict[int, str]


def _scope(database: Database, tenant: str, source: str | None) -> _Scope:
    if source is not None:
        key = source if "/" in source else f"{tenant}/{source}"
        if tenant not in (tenancy.DEFAULT_TENANT, key.split("/")[0]):
            raise UsageError(f"{key} is no source of {tenant}: name the tenant once.")
        row = catalog.get(database, key)
        return _Scope(row.key, row.tenant_id, row.id, {row.id: row.key})
    owner = tenancy.get(database, tenant)
    rows = [catalog.get(database, key) for key, number in catalog.list_keys(database) if number == owner.id]
    return _Scope(owner.name, owner.id, None, {row.id: row.key for row in rows})


def _judged_again(connection: Connection, scope: _Scope) -> list[dict[str, Any]]:
    """Bring the stored verdicts to the thresholds, by which spaces are taken into use; what another verdict has now."""
    changed = []
    for source_id, key in scope.sources.items():
        for found, verdict in judge_again(connection, source_id):
            before = sorted(gate["name"] for gate in found.gates if gate["passed"] is False)
            now = sorted(gate.name for gate in verdict.gates if gate.passed is False)
            if now != before:
                changed.append(
                    {"source": key, "space": found.space_id, "passed": verdict.passed, "score": verdict.score,
                     "passed_before": found.passed, "failed": now}
                )  # fmt: skip
    return changed


def _say(scope: _Scope, done: str, changed: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json({"of": scope.name, "done": done, "judged_again": changed})
        return
    console.print(f"{scope.name}: {done}.")
    for row in changed:
        failed = ", ".join(row["failed"])
        result = f"fails {failed}" if not row["passed"] else f"passes, but for {failed}" if failed else "passes"
        console.print(f"The report on {row['source']} (space {row['space']}) now {result}: {row['score']:.0f} of 100.")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text!r} sets nothing: write NAME=VALUE, e.g. coverage=0.98.")
    return name.strip(), value.strip()


def _as_json(content: SourceReport) -> dict[str, Any]:
    profile = content.space.profile
    return {
        "source": content.key, "made_at": content.report.created_at, "up_to_date": content.up_to_date,
        "score": content.verdict.score, "passed": content.verdict.passed,
        "failed_gates": list(content.verdict.failures),
        "blocking_gates": list(content.verdict.blocking_failures),
        "space": {"id": content.space.id, "status": content.space.status, "model": profile.model,
                  "revision": profile.model_fingerprint, "precision": profile.precision,
                  "dimensions": profile.dimensions},
        "gates": [gate.as_dict() for gate in content.verdict.gates],
        "measures": content.measures.as_dict(), "trend": trend(content.history), "history": list(content.history),
    }  # fmt: skip


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): name a file in a folder that exists.") from None
