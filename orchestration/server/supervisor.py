"""Keeps the services and the embedded database running until a signal, and says in a line what happened."""

import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from orchestration.server.address import Address
from orchestration.server.record import Running, Started, end
from orchestration.server.services import Service
from precedent.database.embedded import EmbeddedServer
from precedent.errors import PrecedentError
from precedent.settings import PROJECT_ROOT

LOOK_S = 0.5
# A service that ends at once is started again after 1, 2, 4 ... seconds; one that has run for a minute after one.
LONGEST_DELAY_S = 60
HEALTHY_S = 60
LOG_BYTES, LOG_FILES = 5_000_000, 3


@dataclass(slots=True)
class Child:
    """A service and its process, if it has one now."""

    service: Service
    process: "subprocess.Popen[str] | None" = None
    record: Started | None = None
    since: float = 0.0
    delay: float = 0.0

    def may_start(self) -> bool:
        """True if it is to be started now: it does not run, has waited, and what it needs answers."""
        if self.process is not None or time.monotonic() < self.since + self.delay:
            return False
        return self.service.needs is None or _answers(self.service.needs)


@dataclass(slots=True)
class Supervisor:
    """Starts services, looks after them, and ends them.

    Attributes:
        services: What is to run, in the order of its start.
        environment: The variables that the services are given.
        record: The file that says what runs.
        log: The file for what the services print.
        address: Where the web page is to answer.
        url: The same for people.
        say: Prints a line for the person at the terminal.
        database: The embedded server, if there is one, which is started again as well.
        verbose: Whether what the services print is also said.
    """

    services: Sequence[Service]
    environment: Mapping[str, str]
    record: Path
    log: Path
    address: Address
    url: str
    say: Callable[[str], None]
    database: EmbeddedServer | None = None
    verbose: bool = False
    _children: list[Child] = field(default_factory=list)
    _stopping: bool = False
    _ready: bool = False
    _database_since: float = 0.0
    _lines: logging.Handler = field(default_factory=logging.NullHandler)

    def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP; then nothing of it is left."""
        self._lines = RotatingFileHandler(self.log, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        self._lines.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
        self._take_signals()
        self._children = [Child(service) for service in self.services]
        self._save()
        try:
            while not self._stopping:
                self._look()
                time.sleep(LOOK_S)
            self.say("Stopping.")
        finally:
            left = end([child.record for child in self._children if child.record])
            for child in self._children:
                if child.process is not None:
                    child.process.poll()
            if not left:
                self.record.unlink(missing_ok=True)
            for service in left:
                self.say(f"The {service.name} (process {service.pid}) does not end: end it with `kill -9`.")

    def _take_signals(self) -> None:
        # A shell starts background commands with SIGINT ignored, and what is ignored is inherited: Dagster's processes
        # would then ignore SIGTERM as well. A handler is not inherited.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # `nohup`
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _look(self) -> None:
        self._look_at_database()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._ended(child)
            if child.may_start():
                self._start(child)
        if not self._ready and self.address.answers():
            self._ready = True
            self.say(f"Ready: {self.url}  (stop with Ctrl-C or `precedent down`; the log is {self.log})")

    def _look_at_database(self) -> None:
        if self.database is None or self.database.is_running() or time.monotonic() < self._database_since:
            return
        self.say("The database ended: it is started again.")
        try:
            self.database.acquire()
            self.say("The database is back.")
        except PrecedentError as error:
            self.say(str(error))
            self._database_since = time.monotonic() + LONGEST_DELAY_S

    def _start(self, child: Child) -> None:
        # A session of its own: Ctrl-C reaches `up` alone, which ends the services, and all that a service has started
        # can be found by its session.
        process = subprocess.Popen(
            child.service.command,
            env=self.environment,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        child.process, child.since = process, time.monotonic()
        child.record = Started.of(child.service.name, process.pid)
        self._save()
        threading.Thread(target=self._take_lines, args=(child.service.name, process.stdout), daemon=True).start()

    def _save(self) -> None:
        services = [child.record for child in self._children if child.record is not None]
        Running(Started.of("up", os.getpid()), services).save(self.record)

    def _ended(self, child: Child) -> None:
        if child.process is None or child.record is None:
            return
        code = child.process.returncode
        end([child.record])
        healthy = time.monotonic() - child.since > HEALTHY_S
        child.delay = 1 if healthy or child.delay == 0 else min(child.delay * 2, LONGEST_DELAY_S)
        child.process, child.since = None, time.monotonic()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.say(f"The {child.service.name} ended ({how}): it is started again. The reason is in {self.log}.")

    def _take_lines(self, name: str, lines: IO[str]) -> None:
        for line in lines:
            text = line.rstrip("\n")
            self._lines.handle(logging.LogRecord(name, logging.INFO, "", 0, "%s", (text,), None))
            if self.verbose:
                self.say(text)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0
