"""A full disk is named, what is stored can be read, and with room again the next refresh goes on by itself."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.conftest import issue, write_lines

pytestmark = pytest.mark.e2e
SMALL_MB, LARGE_MB = 330, 1_500
KEY = "default/records"
LAYERS = ("--select", "raw", "--select", "text")
FEW, MANY = 30, 400


@dataclass
class Disk:
    """A home on a disk of its own, which is memory."""

    folder: Path

    def mount(self, size: int, *options: str) -> None:
        what = ["mount", *options, "-o", f"{'remount,' if not options else ''}mode=711,size={size}m"]
        subprocess.run([*what, *(["tmpfs"] if options else []), str(self.folder)], check=True, capture_output=True)

    def run(self, *arguments: str) -> tuple[int, str]:
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("PRECEDENT_", "DAGSTER_"))}
        environment["PRECEDENT_HOME"] = str(self.folder / "home")
        command = [sys.executable, "-m", "orchestration.cli", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
        return done.returncode, done.stdout + done.stderr

    def fill(self, leave: int = 0) -> None:
        """Take all room but so many megabytes."""
        size = max(0, shutil.disk_usage(self.folder).free - leave * 2**20)
        with (self.folder / "filler").open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), size)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    made.folder.mkdir()
    try:
        made.mount(SMALL_MB, "-t", "tmpfs")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here")
    yield made
    made.run("down")
    subprocess.run(["umount", "-l", str(made.folder)], check=False)


def write(archive: Path, count: int, words: int) -> None:
    dice = random.Random(7)  # noqa: S311 - the same text in every run
    records = [
        issue(n, f"Report {n}", f"Case {n}: " + " ".join(f"{dice.getrandbits(60):x}" for _ in range(words)))
        for n in range(1, count + 1)
    ]
    write_lines(archive / "issues.jsonl", records)


def test_a_full_disk_is_named_and_costs_nothing_but_time(disk: Disk, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    write(archive, FEW, 3)
    assert disk.run("source", "add", "records", str(archive))[0] == 0
    code, said = disk.run("refresh", KEY, *LAYERS, "--select", "vectors")
    assert code == 0, said

    # Full in the middle of a refresh.
    write(archive, MANY, 400)
    disk.fill(leave=6)
    code, said = disk.run("refresh", KEY, *LAYERS)
    assert code == 1
    assert "The disk of the database is full: make room" in said
    assert "Traceback" not in said
    code, said = disk.run("source", "list")
    assert code == 0
    assert "needs attention" in said
    assert "disk of the database is full" in said
    code, said = disk.run("search", "Report 7")
    assert code == 0
    assert "Report 7" in said

    # Full to the last byte: the server could not even write down its own process id.
    (disk.folder / "filler").unlink()
    disk.fill()
    for command in (("source", "list"), ("search", "Report 7")):
        code, said = disk.run(*command)
        assert code == 0, said
    disk.fill()
    code, said = disk.run("source", "list")
    assert code == 1
    assert said.startswith("The disk of ")
    assert "is full" in said

    (disk.folder / "filler").unlink()
    disk.mount(LARGE_MB)
    code, said = disk.run("refresh", KEY, *LAYERS)
    assert code == 0, said
    assert f" {MANY} " in said
    assert "needs attention" not in disk.run("source", "list")[1]
