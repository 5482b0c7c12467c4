"""`audit`: who did what, from where, and what was before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.access.scope import Platform, place, tenant_id
from orchestration.cli.options import Json, Tenant
from orchestration.cli.search.input import moment
from precedent.access import audit as log
from precedent.access.audit import Entry, Question
from precedent.access.audit_export import Form, lines
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.tenants.tenants import DEFAULT_TENANT


def audit(
    actor: Annotated[str | None, typer.Option("--actor", help="Changes of this member, token or user.")] = None,
    action: Annotated[str | None, typer.Option("--action", help="added, changed, removed ...")] = None,
    what: Annotated[str | None, typer.Option("--object", help="source, provider, policy, member ...")] = None,
    text: Annotated[str | None, typer.Option("--text", help="What stands somewhere in the entry.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this day or moment on (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this day or moment (UTC).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many to print.")] = 50,
    out: Annotated[Path | None, typer.Option("--out", help="Write all of them to a file: .jsonl or .csv.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
    platform: Platform = False,
    json: Json = False,
) -> None:
    """Show who did what, from where, and what was before; the newest first."""
    database = Database.open()
    number = tenant_id(database, tenant, platform=platform)
    question = Question(actor, action, what, text, moment(since), moment(until))
    if out is not None:
        count = _write(out, log.every(database, number, question))
        output.say(f"{count:,} entries written to {out}.")
        return
    found = log.list(database, number, question, limit=limit)
    if json:
        output.emit(found)
        return
    rows = [
        [
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            f"{entry.actor_kind} {entry.actor}",
            f"{entry.action} {entry.object} {entry.name}",
            _change(entry),
        ]
        for entry in found
    ]
    output.table(f"Changes of {place(tenant, platform=platform)}", ["at (UTC)", "by", "what", "fields"], rows)


def _change(entry: Entry) -> str:
    before, after = entry.before or {}, entry.after or {}
    if entry.action != "changed":
        return ", ".join(f"{name}: {value}" for name, value in (after or before).items())
    return ", ".join(f"{name}: {before.get(name)} → {after.get(name)}" for name in sorted({*before, *after}))


def _write(path: Path, entries: Iterator[Entry]) -> int:
    form = next((form for form in Form if path.suffix == f".{form}"), None)
    if form is None:
        raise UsageError(f"--out writes .jsonl or .csv: name the file {path.name}.jsonl, or the like.")
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for line in lines(entries, form):
            file.write(line)
            count += 1
    return count - (form is Form.CSV)
