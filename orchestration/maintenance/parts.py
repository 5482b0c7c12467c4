"""The parts by name, how old something must be for each, and what a part reports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import dagster as dg

from precedent.database.session import Database
from precedent.progress import Progress


class Part(StrEnum):
    """A kind of thing that is removed."""

    EVENTS = "events"
    COMPUTE_LOGS = "compute_logs"
    SPACES = "spaces"
    TOMBSTONES = "tombstones"
    EMBEDDING_CACHE = "embedding_cache"
    PICTURES = "pictures"


# Days after which it goes, by default.
DAYS = {
    Part.EVENTS: 30,
    Part.COMPUTE_LOGS: 30,
    Part.SPACES: 7,
    Part.TOMBSTONES: 90,
    Part.EMBEDDING_CACHE: 90,
    Part.PICTURES: 30,
}
WHAT = {
    Part.EVENTS: "step events and log lines of finished runs",
    Part.COMPUTE_LOGS: "captured output of finished runs (files)",
    Part.SPACES: "retired spaces that still hold vectors",
    Part.TOMBSTONES: "items that their source no longer has",
    Part.EMBEDDING_CACHE: "kept vectors of passages that did not return",
    Part.PICTURES: "pictures of older quality reports",
}


@dataclass(frozen=True, slots=True)
class Amount:
    """How much one batch removed, or would remove: rows or files, and their bytes as stored (about)."""

    count: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be done; names a tenant or folder and the kind of error, never a row's content."""

    text: str


# A part yields what each committed batch removed, and what went wrong meanwhile.
Steps = Iterator[Amount | Trouble]


@dataclass(frozen=True, slots=True)
class Order:
    """What a part is asked to do.

    Attributes:
        before: The moment before which things are old.
        dry_run: Only count.
    """

    before: datetime
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: Dagster's instance, the platform's database, and the folder of captured output."""

    instance: dg.DagsterInstance
    database: Database
    files: Path


@dataclass(frozen=True, slots=True)
class Report:
    """What a part has removed, or would; `bytes` is the size of the removed values, not of disk that is free again."""

    part: str
    days: int
    dry_run: bool
    count: int
    bytes: int
    errors: list[str]


def run(part: Part, place: Place, *, days: int | None, dry_run: bool, log: Callable[[str], None]) -> Report:
    """Do one part; what cannot be done is counted and does not stop the rest.

    Args:
        part: Which.
        place: Where.
        days: The age from which things go; None for the part's default.
        dry_run: Count with the same queries and change nothing.
        log: Is told every ten seconds how far it is.
    """
    from orchestration.maintenance import compute_logs, events, rows

    work: dict[Part, Callable[[Place, Order], Steps]] = {
        Part.EVENTS: events.prune,
        Part.COMPUTE_LOGS: compute_logs.prune,
        Part.SPACES: rows.spaces_left,
        Part.TOMBSTONES: rows.tombstones,
        Part.EMBEDDING_CACHE: rows.cached_vectors,
        Part.PICTURES: rows.pictures,
    }
    age = DAYS[part] if days is None else days
    order = Order(datetime.now(UTC) - timedelta(days=age), dry_run)
    progress, size, errors = Progress(part.value, None, log), 0, list[str]()
    for step in work[part](place, order):
        if isinstance(step, Trouble):
            errors.append(step.text)
            log(f"{part.value}: {step.text}")
        else:
            size += step.bytes
            progress.advance(step.count)
    return Report(part.value, age, dry_run, progress.rows, size, errors)
