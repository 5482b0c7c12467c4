"""What a part of maintenance is, what it is asked to do, and what it reports."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from precedent.database.pruning import Amount, Order
from precedent.database.session import Database


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that could not be done; names a tenant or folder and the kind of error, never a row's content."""

    text: str


# A part yields what each committed batch removed, and what went wrong meanwhile.
Steps = Iterator[Amount | Trouble]


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are: Dagster's instance, the platform's database, and the folder of captured output."""

    instance: dg.DagsterInstance
    database: Database
    files: Path


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that is removed when it is old.

    Attributes:
        name: As the option `--only` and the op of the job call it.
        what: What is removed, for people.
        days: After how many days, by default.
        prune: Removes it, batch by batch.
    """

    name: str
    what: str
    days: int
    prune: Callable[[Place, Order], Steps]


@dataclass(frozen=True, slots=True)
class Report:
    """What a part has removed, or would; `bytes` is the size of the removed values, not of disk that is free again."""

    part: str
    days: int
    dry_run: bool
    count: int
    bytes: int
    errors: list[str]
