"""`maintenance`: removing what is old, or saying what would be removed."""

from typing import Annotated

import typer

from orchestration.cli.output import errors, print_json, print_table
from orchestration.cli.tenant import Json
from orchestration.instance import dagster_instance
from orchestration.maintenance import parts
from orchestration.maintenance.parts import DAYS, WHAT, Part, Place, Report
from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.settings import Settings

NAMES = ", ".join(Part)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("maintenance")(maintenance)


def maintenance(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and change nothing.")] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="PART", help=f"Only this part: {NAMES}.")] = None,
    days: Annotated[
        list[str] | None, typer.Option(metavar="PART=DAYS", help="Another age for a part, e.g. --days events=14.")
    ] = None,
    json: Json = False,
) -> None:
    """Remove what is old: events and output of runs, tombstones, kept vectors, pictures."""
    from orchestration.maintenance.job import files_folder

    chosen = [_part(name) for name in only] if only else list(Part)
    ages = dict(_age(text) for text in days or ())
    settings = Settings.from_environment()
    database = Database.open(settings)
    with dagster_instance(settings, database.endpoints) as instance:
        place = Place(instance, database, files_folder())
        reports = [
            parts.run(part, place, days=ages.get(part), dry_run=dry_run, log=_say) for part in dict.fromkeys(chosen)
        ]
    if json:
        print_json(reports)
    else:
        _show(reports, dry_run=dry_run)
    failed = sum(len(report.errors) for report in reports)
    if failed:
        raise PrecedentError(f"{failed} could not be done: what was done is kept, run the same command again.")


def _part(name: str) -> Part:
    if name not in set(Part):
        raise UsageError(f"There is no part {name!r}: choose from {NAMES}.")
    return Part(name)


def _age(text: str) -> tuple[Part, int]:
    name, _, number = text.partition("=")
    part = _part(name)
    if not number.isdigit() or int(number) < 1:
        raise UsageError(f"--days {text} says no number of days, 1 or more: write e.g. --days {part}={DAYS[part]}.")
    return part, int(number)


def _say(line: str) -> None:
    errors.print(line, markup=False, soft_wrap=True)


def _show(reports: list[Report], *, dry_run: bool) -> None:
    title = "Would be removed" if dry_run else "Removed"
    columns = ["part", "what", "older than days", "count", "bytes", "errors"]
    rows = [
        [report.part, WHAT[Part(report.part)], report.days, report.count, report.bytes, "; ".join(report.errors)]
        for report in reports
    ]
    print_table(title, columns, rows)
