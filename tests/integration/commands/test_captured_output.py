"""Captured output of old runs goes; links, other folders and younger output stay."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType

from orchestration.maintenance import run as maintenance
from orchestration.maintenance.contract import Place, Report
from precedent.database.session import Database

DAY = 86_400


@dg.op
def nothing() -> None:
    """Is not run."""


@dg.job
def work() -> None:
    nothing()


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Place]:
    files = tmp_path / "files"
    files.mkdir()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(instance, database, files)


def prune(place: Place, *, dry_run: bool = False) -> Report:
    return maintenance.run(maintenance.PARTS["compute_logs"], place, days=None, dry_run=dry_run, log=lambda _: None)


def logs(place: Place, run: str | None = None, days: int = 40) -> Path:
    """Three files of captured output of a run, by default one that no longer exists."""
    folder = place.files / (run or str(uuid4())) / "compute_logs"
    folder.mkdir(parents=True)
    for name in ("step.out", "step.err", "step.complete"):
        (folder / name).write_text("x" * 10)
        os.utime(folder / name, (time.time() - days * DAY,) * 2)
    return folder


def recorded(place: Place, *, days: int | None) -> str:
    """A run in Dagster that ended so many days ago, or is under way."""
    run = place.instance.create_run_for_job(work)
    moment = time.time() - (days or 0) * DAY
    for kind in (DagsterEventType.RUN_START, DagsterEventType.RUN_SUCCESS)[: 2 if days else 1]:
        event = DagsterEvent(event_type_value=kind.value, job_name="work")
        place.instance.report_dagster_event(event, run_id=run.run_id, timestamp=moment)
    return run.run_id


def test_output_of_runs_that_ended_long_ago_goes_with_its_folder(place: Place) -> None:
    folder = logs(place, recorded(place, days=31))
    report = prune(place)
    assert (report.count, report.bytes) == (3, 30)
    assert not folder.parent.exists()


def test_output_of_a_run_that_no_longer_exists_goes_when_it_is_old(place: Place) -> None:
    old, young = logs(place, days=31), logs(place, days=29)
    prune(place)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("days", [29, None], ids=["ended lately", "under way"])
def test_output_of_other_runs_stays_however_old_its_files_are(place: Place, days: int | None) -> None:
    folder = logs(place, recorded(place, days=days), days=400)
    assert prune(place).count == 0
    assert len(list(folder.iterdir())) == 3


def test_a_dry_run_counts_and_removes_nothing(place: Place) -> None:
    folder = logs(place)
    assert prune(place, dry_run=True).count == 3
    assert len(list(folder.iterdir())) == 3


def test_what_else_is_in_the_folder_stays(place: Place) -> None:
    folder = logs(place)
    beside = folder.parent / "result.pickle"
    storage = place.files / "storage" / "page"
    storage.parent.mkdir()
    for path in (beside, storage):
        path.write_text("value")
        os.utime(path, (0, 0))
    prune(place)
    assert not folder.exists()
    assert (beside.read_text(), storage.read_text()) == ("value", "value")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file elsewhere, in a folder that looks like captured output."""
    path = tmp_path / "outside" / "compute_logs" / "step.out"
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    os.utime(path, (0, 0))
    return path


def test_a_link_in_place_of_a_run_is_not_followed(place: Place, outside: Path) -> None:
    (place.files / str(uuid4())).symlink_to(outside.parent.parent)
    assert prune(place).count == 0
    assert outside.read_text() == "precious"


def test_a_link_in_place_of_a_runs_output_is_not_followed(place: Place, outside: Path) -> None:
    run = place.files / str(uuid4())
    run.mkdir()
    (run / "compute_logs").symlink_to(outside.parent)
    assert prune(place).count == 0
    assert outside.read_text() == "precious"


def test_links_inside_a_runs_output_go_and_what_they_point_to_stays(place: Place, outside: Path) -> None:
    folder = logs(place)
    for name, target in (("file", outside), ("folder", outside.parent)):
        (folder / name).symlink_to(target)
        os.utime(folder / name, (0, 0), follow_symlinks=False)
    prune(place)
    assert not folder.exists()
    assert outside.read_text() == "precious"


def test_what_a_killed_run_left_half_removed_goes_the_next_time(place: Place) -> None:
    folder = logs(place)
    (folder / "step.out").unlink()
    assert prune(place).count == 2
    assert not folder.exists()
