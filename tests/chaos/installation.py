"""The installation that is attacked: a home of its own, its servers, and the platform's commands as real processes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import psutil
import psycopg

from orchestration.instance import dagster_instance
from orchestration.pools import POOLS
from orchestration.server import record
from precedent.database.session import Database
from precedent.providers.config.provider import Provider
from precedent.providers.config.save import save
from precedent.settings import PROJECT_ROOT, Settings
from precedent.sources import repository as sources
from precedent.sources.kinds.archive.kind import KIND as ARCHIVE
from precedent.sources.repository import SourceRow
from precedent.tenants import policies
from precedent.tenants import tenants as tenancy
from precedent.vector_stores import repository as stores
from tests.chaos import servers
from tests.chaos.records import write_archive

COMMAND = [sys.executable, "-m", "orchestration.cli"]
BUDGET = Decimal(1_000)
EMBEDDING = {"concurrent_runs": 1, "batch_inputs": 6, "max_concurrency": 2, "cooldown_s": 1, "timeout_s": 5}
GENERATION = {"concurrent_runs": 1, "max_concurrency": 2, "cooldown_s": 1, "timeout_s": 5}


@dataclass(slots=True)
class ServerProcess:
    """One of the servers; started again it listens where it did before.

    Attributes:
        name: One of `servers.NAMES`.
        folder: Where its log is.
        port: Where it listens.
        process: Its process.
    """

    name: str
    folder: Path
    port: int = field(default_factory=lambda: free_port())
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [sys.executable, "-m", "tests.chaos.servers", self.name, str(self.port), str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT_ROOT, text=True)
        if not self.process.stdout or not self.process.stdout.readline():
            raise RuntimeError(f"the server {self.name} did not start")

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Installation:
    """A home in the temporary directory, a database in it, and the three servers.

    Attributes:
        folder: Everything of it.
        database: As the application's role.
        servers: By name.
    """

    folder: Path
    database: Database
    servers: dict[str, ServerProcess]

    @classmethod
    @contextlib.contextmanager
    def running(cls) -> Iterator["Installation"]:
        """Make it, and leave nothing of it."""
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        folder.chmod(0o711)  # PostgreSQL's own user passes through
        for name in list(os.environ):
            if name.startswith(("PRECEDENT_", "DAGSTER_", "OPENAI_")):
                del os.environ[name]
        os.environ["PRECEDENT_HOME"] = str(folder / "home")
        write_archive(folder / "archive")
        running = {name: ServerProcess(name, folder) for name in servers.NAMES}
        try:
            for server in running.values():
                server.start()
            site = cls(folder, Database.open(), running)
            site.limit_pools()
            yield site
        finally:
            for server in running.values():
                server.kill()
            subprocess.run([*COMMAND, "down"], check=False, stdout=subprocess.DEVNULL)
            shutil.rmtree(folder, ignore_errors=True)

    def limit_pools(self) -> None:
        """What `up` sets, to the least: one killed run that keeps its place would be the last one."""
        with dagster_instance(Settings.from_environment(), self.database.endpoints) as instance:
            for pool in POOLS.values():
                instance.event_log_storage.set_concurrency_slots(pool, 1)

    @property
    def home(self) -> Path:
        """The installation's home."""
        return self.folder / "home"

    @property
    def owner_dsn(self) -> str:
        """The owner's way into the platform's database."""
        return self.database.endpoints.owner.render_as_string(hide_password=False)

    @property
    def dagster_dsn(self) -> str:
        """The owner's way into Dagster's."""
        url = self.database.endpoints.owner.set(database=self.database.endpoints.dagster.database)
        return url.render_as_string(hide_password=False)

    @property
    def provider_log(self) -> Path:
        """What the provider has charged for."""
        return self.folder / "provider.log"

    def add_source(self, tenant: str, kind: str) -> SourceRow:
        """A tenant with paid providers, a budget and one source.

        Args:
            tenant: Its name, which nobody has.
            kind: `files`, `store` (files, with a vector store) or `live`.
        """
        settings = Settings.from_environment()
        owner = tenancy.add(self.database, tenant)[0]
        policies.save(self.database, owner.id, None, {"monthly_budget_usd": BUDGET})
        for capability, performance in (("embedding", EMBEDDING), ("text_generation", GENERATION)):
            values = {
                "name": capability,
                "driver": "gateway",
                "capability": capability,
                "model": f"chaos-{capability}",
                "base_url": f"{self.servers['provider'].url}/v1",
                "credentials": {"api_key": servers.KEY},
                "active": True,
                "cost": {"input_per_million": 1, "output_per_million": 1},
                "performance": performance,
                "options": {"dimensions": servers.DIMENSIONS} if capability == "embedding" else {},
            }
            save(self.database, settings, tenant, Provider.model_validate(values), replace=True)
        if kind == "store":
            secrets = {"api_key": servers.KEY}
            store = stores.StoreSpecification("qdrant", self.servers["qdrant"].url, "shared", False, secrets)
            stores.save(self.database, settings, tenant, store, replace=True)
        if kind == "live":
            values = {"repository": "octo/chaos", "base_url": self.servers["github"].url}
            return sources.add(self.database, tenant, "records", "github", values)
        return sources.add(self.database, tenant, "records", ARCHIVE.name, {"path": str(self.folder / "archive")})

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command in a process group of its own."""
        out = (self.folder / "command.out").open("w")
        return subprocess.Popen(
            [*COMMAND, *arguments], stdout=out, stderr=out, stdin=subprocess.DEVNULL, text=True, start_new_session=True
        )

    def said(self) -> str:
        """What the last command printed."""
        return (self.folder / "command.out").read_text(errors="replace")

    def postmaster(self) -> int | None:
        """The process id of the database, if it runs."""
        with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
            number = int((self.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
            if psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
                return number
        return None

    def service(self, name: str) -> int | None:
        """The process id of a service of `up`."""
        running = record.read(self.home / "up.json")
        return next((service.pid for service in running.services if service.name == name), None) if running else None

    def request(self, source: SourceRow) -> None:
        """Ask `up` for everything of a source."""
        process = self.start("backfill", source.key)
        if process.wait(60):
            raise RuntimeError(f"the backfill was not taken: {self.said()}")

    def remove(self, source: SourceRow) -> None:
        """Remove a tenant with all its rows."""
        with psycopg.connect(self.owner_dsn) as connection:
            connection.execute("DELETE FROM tenants WHERE id = %s", (source.tenant_id,))


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill a process and whatever it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_for(process: "subprocess.Popen[str]", seconds: float) -> int | None:
    """The exit code, or None if it is still running after so long."""
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    return process.poll()
