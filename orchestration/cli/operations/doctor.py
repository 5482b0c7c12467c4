"""`doctor`: what the platform needs, and what is missing."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from orchestration.cli import output
from orchestration.cli.options import Json
from precedent.database import inspection, rights
from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.folders import make_private
from precedent.settings import Settings
from precedent.vectors.engine.model_files import resolve

FREE_GIB = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    finding: str


def doctor(json: Json = False) -> None:
    """Look at what the platform needs, and say what to do where something is missing."""
    findings = diagnose(Settings.from_environment())
    if json:
        output.emit(findings)
    else:
        output.table("Doctor", ["what", "ok", "finding"], [[item.what, item.ok, item.finding] for item in findings])
    if not all(item.ok for item in findings):
        raise PrecedentError("Something needs attention: see the findings above.")


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything; what fails does not stop the rest."""
    findings = [
        _finding("python", lambda: f"{sys.version.split()[0]}"),
        _finding("state folder", lambda: _folder(settings)),
        _finding("embedding model", lambda: f"{resolve(settings).name}, weights as published"),
    ]
    try:
        database = Database.open(settings)
    except PrecedentError as error:
        return [*findings, Finding("database", False, str(error))]
    findings += [
        _finding("database", lambda: _database(database)),
        _finding("rights", lambda: _security(database)),
        _finding("dagster storage", lambda: _dagster(settings, database)),
    ]
    database.close()
    return findings


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except PrecedentError as error:
        return Finding(what, False, str(error))
    except Exception as error:
        return Finding(what, False, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


def _folder(settings: Settings) -> str:
    make_private(settings.home)
    free = shutil.disk_usage(settings.home).free / 2**30
    if free < FREE_GIB:
        raise PrecedentError(f"{settings.home} has only {free:.1f} GiB free: make room, at least {FREE_GIB} GiB.")
    return f"{settings.home}, {free:.0f} GiB free"


def _database(database: Database) -> str:
    found = inspection.versions(database)
    where = "embedded" if database.endpoints.embedded else "external"
    return f"{where} PostgreSQL {found.server}, pgvector {found.vector}, schema {found.schema}"


def _security(database: Database) -> str:
    for rule, names in rights.broken(database):
        raise PrecedentError(f"Not so: {rule.says}. See {', '.join(names[:5])}; as the owner {rule.mend}.")
    return f"all {len(rights.RULES)} rules hold: row-level security is forced, and nobody has other rights"


def _dagster(settings: Settings, database: Database) -> str:
    from orchestration.instance import dagster_instance

    with dagster_instance(settings, database.endpoints) as instance:
        return f"reachable, {instance.get_runs_count():,} runs recorded"
