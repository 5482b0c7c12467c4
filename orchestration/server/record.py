"""What `precedent up` has started, in a file: `down` and the next `up` find it whatever became of `up` itself."""

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# A leader that is asked ends its children, and waits for the runs among them; then all are asked, then killed.
LEADER_S, ALL_S, KILLED_S = 5, 10, 10
LONGEST_S = LEADER_S + ALL_S + KILLED_S


@dataclass(frozen=True, slots=True)
class Started:
    """A process that was started; services lead a session of their own, in which their children stay.

    Attributes:
        name: What it is called in messages.
        pid: The process's id, for a service also that of its session.
        created: When it began, in seconds since 1970: the number may belong to another process later.
    """

    name: str
    pid: int
    created: float

    @classmethod
    def of(cls, name: str, pid: int) -> "Started":
        """The process with this number."""
        return cls(name, pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def family(self) -> list[psutil.Process]:
        """What still runs of its session, also where its leader and their parents have ended."""
        found = []
        for process in psutil.process_iter():
            # A process may end while it is looked at.
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                mine = os.getsid(process.pid) == self.pid and process.create_time() > self.created - 1
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


def end(services: Sequence[Started]) -> list[Started]:
    """End services and what they have started: by asking their leaders, then all, then by force.

    Returns:
        Those of which something still runs.
    """
    for service in services:
        with contextlib.suppress(psutil.Error):
            leader = service.process()
            if leader is not None:
                leader.terminate()
    left = _wait(services, LEADER_S)
    for request, seconds in (("terminate", ALL_S), ("kill", KILLED_S)):
        for service in left:
            for process in service.family():
                with contextlib.suppress(psutil.Error):
                    getattr(process, request)()
        left = _wait(left, seconds)
    return left


def _wait(services: Sequence[Started], seconds: float) -> list[Started]:
    until = time.monotonic() + seconds
    left = list(services)
    while (left := [service for service in left if service.family()]) and time.monotonic() < until:
        time.sleep(0.1)
    return left


@dataclass(frozen=True, slots=True)
class Running:
    """An `up` and its services."""

    up: Started
    services: Sequence[Started] = ()

    def save(self, path: Path) -> None:
        """Write the record; a reader sees the old one or the new one."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)


def read(path: Path) -> Running | None:
    """The record that an `up` has left; None where there is none that can be read."""
    try:
        found = json.loads(path.read_text())
        services = tuple(Started(**service) for service in found["services"])
        return Running(Started(**found["up"]), services)
    except (OSError, ValueError, KeyError, TypeError):
        return None
