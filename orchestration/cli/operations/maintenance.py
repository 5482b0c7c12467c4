"""`maintenance`: removing what is old, or saying what would be removed."""

from typing import Annotated

import typer

import precedent
from orchestration.cli import output
from orchestration.cli.options import Json
from orchestration.instance import dagster_instance
from orchestration.maintenance.contract import Part, Place, Report
from orchestration.maintenance.job import files_folder
from orchestration.maintenance.run import PARTS, run
from precedent.errors import PrecedentError, UsageError

NAMES = ", ".join(PARTS)


def maintenance(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, and change nothing.")] = False,
    only: Annotated[list[str] | None, typer.Option(metavar="PART", help=f"Only this part: {NAMES}.")] = None,
    days: Annotated[
        list[str] | None, typer.Option(metavar="PART=DAYS", help="Another age for a part, e.g. --days events=14.")
    ] = None,
    json: Json = False,
) -> None:
    """Remove what is old: events and output of runs, tombstones, kept vectors, pictures."""
    chosen = [_part(name) for name in dict.fromkeys(only or PARTS)]
    ages = dict(_age(text) for text in days or ())
    with precedent.open() as platform, dagster_instance(platform.settings, platform.database.endpoints) as instance:
        place = Place(instance, platform.database, files_folder())
        reports = [run(part, place, days=ages.get(part.name), dry_run=dry_run, log=output.note) for part in chosen]
    if json:
        output.emit(reports)
    else:
        _show(reports, dry_run=dry_run)
    failed = sum(len(report.errors) for report in reports)
    if failed:
        raise PrecedentError(f"{failed} could not be done: what was done is kept, run the same command again.")


def _part(name: str) -> Part:
    if name not in PARTS:
        raise UsageError(f"There is no part {name!r}: choose from {NAMES}.")
    return PARTS[name]


def _age(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    part = _part(name)
    if not number.isdigit() or int(number) < 1:
        raise UsageError(f"--days {text} says no number of days, 1 or more: write e.g. --days {name}={part.days}.")
    return name, int(number)


def _show(reports: list[Report], *, dry_run: bool) -> None:
    title = "Would be removed" if dry_run else "Removed"
    columns = ["part", "what", "older than days", "count", "bytes", "errors"]
    rows = [
        [report.part, PARTS[report.part].what, report.days, report.count, report.bytes, "; ".join(report.errors)]
        for report in reports
    ]
    output.table(title, columns, rows)
