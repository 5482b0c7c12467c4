"""Captured output of old runs: `<folder>/<run id>/compute_logs/`, and nothing else in the folder or outside it."""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import dagster as dg

from orchestration.dagster_internals import FINISHED_STATUSES
from orchestration.maintenance.contract import Part, Place, Steps, Trouble
from precedent.database.pruning import Amount, Order
from precedent.progress import slices

LOGS = "compute_logs"
RUNS_AT_ONCE = 200


def prune(place: Place, order: Order) -> Steps:
    """Remove the captured output of runs that ended long ago, and old output of runs that no longer exist.

    Links are never followed: every folder is opened as a folder of its parent and refused where it is a link.
    """
    if not place.files.is_dir():
        return
    with _folder(place.files.resolve()) as base:
        for runs in slices(_runs(base), RUNS_AT_ONCE):
            records = place.instance.get_run_records(dg.RunsFilter(run_ids=list(runs)))
            ended = {
                record.dagster_run.run_id: record.end_time
                if record.dagster_run.status in FINISHED_STATUSES
                else float("inf")
                for record in records
            }
            for run in runs:
                try:
                    amount = _prune_run(base, run, ended, order)
                except OSError as error:
                    yield Trouble(f"the output of run {run} could not be removed ({type(error).__name__})")
                else:
                    if amount.count:
                        yield amount


def _runs(base: int) -> Sequence[str]:
    with os.scandir(base) as entries:
        return sorted(entry.name for entry in entries if _is_run(entry.name) and entry.is_dir(follow_symlinks=False))


def _is_run(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


def _prune_run(base: int, run: str, ended: dict[str, float | None], order: Order) -> Amount:
    before = order.before.timestamp()
    with _folder(run, base) as folder:
        try:
            kind = os.stat(LOGS, dir_fd=folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return Amount()
        if not stat.S_ISDIR(kind):
            return Amount()
        count, size, newest = _measure(folder)
        # A run that is gone from the database has no end; neither has one from before Dagster kept it.
        moment = ended.get(run)
        if (newest if moment is None else moment) >= before:
            return Amount()
        if not order.dry_run:
            shutil.rmtree(LOGS, dir_fd=folder)
            with os.scandir(folder) as left:
                empty = not any(left)
            if empty:
                os.rmdir(run, dir_fd=base)
    return Amount(count, size)


def _measure(folder: int) -> tuple[int, int, float]:
    """Files, bytes and the newest moment of a file under the captured output; a link counts as itself."""
    count, size, newest = 0, 0, 0.0
    for _, _, names, inside in os.fwalk(LOGS, dir_fd=folder, follow_symlinks=False):
        for name in names:
            found = os.stat(name, dir_fd=inside, follow_symlinks=False)
            count, size, newest = count + 1, size + found.st_size, max(newest, found.st_mtime)
    return count, size, newest


@contextmanager
def _folder(path: Path | str, parent: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


COMPUTE_LOGS = Part("compute_logs", "captured output of finished runs (files)", 30, prune)
