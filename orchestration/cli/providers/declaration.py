"""`provider export`, `provider apply` and `provider rotate-keys`: configuration as a file, and new keys for secrets."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli import output
from orchestration.cli.options import Json, NoTest, Tenant
from orchestration.cli.providers import tables as provider_tables
from orchestration.cli.providers.provider import follow, providers
from precedent.database.session import Database
from precedent.errors import UsageError
from precedent.providers.declarative import apply as declarative
from precedent.providers.declarative.diff import Action, Change, Kind
from precedent.providers.declarative.schema import dump, parse
from precedent.security import key_rotation
from precedent.security.key_rotation import Rotation
from precedent.security.keyring import new_key
from precedent.settings import Settings
from precedent.tenants import tenants

MARKS = {Action.ADDED: "+", Action.CHANGED: "~", Action.UNCHANGED: " ", Action.REMOVED: "-"}
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


@providers.command("export")
def provider_export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; by default standard output.")] = None,
    tenant: Tenant = tenants.DEFAULT_TENANT,
) -> None:
    """Write a tenant's providers, policy and routes as YAML, with references in place of secrets."""
    settings = Settings.from_environment()
    declaration = declarative.export(Database.open(settings), settings, tenant)
    text = dump(tenant, declaration)
    if file is None or file == Path("-"):
        output.write(text)
        return
    try:
        file.expanduser().write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error.strerror}): name another file.") from error
    count = len(declaration.providers or {})
    output.say(f"{count} provider{'' if count == 1 else 's'} of {tenant} written to {file}.")


@providers.command("apply")
def provider_apply(
    file: Annotated[Path, typer.Argument(help="A YAML file as `provider export` writes it.")],
    dry_run: DryRun = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove what the file does not name.")] = False,
    no_test: NoTest = False,
    tenant: Tenant = tenants.DEFAULT_TENANT,
    json: Json = False,
) -> None:
    """Bring a tenant's providers, policy and routes to what a file says: all of it, or nothing."""
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"{file} cannot be read ({why}): name a YAML file.") from None
    settings = Settings.from_environment()
    declared = parse(text, str(file))
    database = Database.open(settings)
    found = declarative.plan(database, settings, tenant, declared, prune=prune)
    if not json:
        show_changes(tenant, found.changes)
        for name, references in found.kept.items():
            output.say(f"The stored credentials of {name} stay: {' and '.join(references)} is not set.")
    trials = {}
    if found.pending and not dry_run:
        trials = declarative.apply(database, settings, tenant, found, test=not no_test)
        follow(settings, database)
    applied = bool(found.pending) and not dry_run
    if json:
        health = {name: trial.health for name, trial in trials.items()}
        changes = _described(found.changes)
        kept = sorted(found.kept)
        shown = {"tenant": tenant, "applied": applied, "changes": changes, "credentials_kept": kept, "tests": health}
        output.emit(shown)
        return
    for trial in trials.values():
        provider_tables.show_health(trial.health)
    counts = {action: sum(change.action == action for change in found.changes) for action in MARKS}
    said = ", ".join(f"{count} {action}" for action, count in counts.items() if count) or "nothing is declared"
    output.say(f"{'Dry run, nothing was changed' if dry_run else 'Applied' if applied else 'Nothing to do'}: {said}.")


def show_changes(tenant: str, changes: Sequence[Change]) -> None:
    """The difference, line by line; of secrets only that they change."""
    output.say(f"Tenant {tenant}:")
    for change in changes:
        action = f"  ({change.action})" if change.action is not Action.CHANGED else ""
        name = "" if change.kind is Kind.POLICY else f" {change.name}"
        output.say(f"{MARKS[change.action]} {change.kind}{name}{action}")
        for field, (old, new) in change.fields.items():
            before = "" if change.action is Action.ADDED else f"{provider_tables.plain(old)} -> "
            output.say(f"    {field}: {before}{provider_tables.plain(new)}")


@providers.command("rotate-keys")
def provider_rotate_keys(
    dry_run: DryRun = False,
    fresh: Annotated[bool, typer.Option("--new-key", help="Make a new key first.")] = False,
    json: Json = False,
) -> None:
    """Encrypt every tenant's credentials with the newest key.

    Keys are those of PRECEDENT_SECRET_KEYS (or of the file PRECEDENT_SECRET_KEYS_FILE), the newest first; without
    either, those of the file secret-keys in the home folder, where --new-key puts a fresh one first. An old key can go
    when nothing is encrypted with it any more.
    """
    settings = Settings.from_environment()
    database = Database.open(settings)
    path = key_rotation.home_key_file(settings)
    if fresh and path is None:
        _print_new_key(json=json)
        return
    found = key_rotation.rotate(database, settings, dry_run=True)
    if fresh:
        # With a key that is not there yet all of them are to be encrypted anew.
        found = Rotation(found.rotated + found.current, 0, "new", ())
    if not dry_run:
        if fresh:
            key_rotation.add_key(settings)
        found = key_rotation.rotate(database, settings, dry_run=False)
    if json:
        output.emit({"dry_run": dry_run, "new_key": fresh, **asdict(found)})
        return
    newest = "a new key" if found.newest_key == "new" else f"key {found.newest_key}"
    verb = "would be encrypted anew" if dry_run else "encrypted anew"
    output.say(f"{_credentials(found.rotated)} {verb} with {newest}, {found.current} had been already.")
    if found.keys_not_needed:
        where = f"from {path}" if path else "from PRECEDENT_SECRET_KEYS"
        output.say(f"No credential needs {', '.join(found.keys_not_needed)} any more: older keys can be taken {where}.")


def _print_new_key(*, json: bool) -> None:
    """A new key; where the keys come from the environment, only its owner can add it."""
    key = new_key()
    if json:
        output.emit({"new_key": key})
        return
    output.say(key)
    output.warn(
        "nothing was changed. Put this key first in PRECEDENT_SECRET_KEYS (or its file), keep the old ones after it, "
        "separated by commas, give it to every process, then run `precedent provider rotate-keys`."
    )


def _described(changes: Sequence[Change]) -> list[dict[str, object]]:
    return [
        {
            "kind": change.kind,
            "name": change.name,
            "action": change.action,
            "fields": {name: {"old": old, "new": new} for name, (old, new) in change.fields.items()},
        }
        for change in changes
    ]


def _credentials(count: int) -> str:
    return f"{count} credential{'' if count == 1 else 's'}"
