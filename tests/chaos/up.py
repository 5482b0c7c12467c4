"""`precedent up`, which starts again what dies."""

import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from precedent.sources.repository import SourceRow
from tests.chaos.comparison import data_versions
from tests.chaos.installation import COMMAND, Installation, free_port

READY_S, DONE_S = 120, 240
UNFINISHED = """
SELECT count(*) FROM runs r JOIN run_tags t ON t.run_id = r.run_id
WHERE t.key IN ('dagster/partition', 'dagster/asset_partition_range_start') AND t.value = %s
  AND r.status IN ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
"""


@dataclass(slots=True)
class Up:
    """A running `up`."""

    site: Installation
    process: "subprocess.Popen[bytes]"

    @classmethod
    def started(cls, site: Installation) -> "Up":
        """Start it, and wait until it is ready."""
        out = (site.folder / "up.out").open("wb")
        command = [*COMMAND, "up", "--port", str(free_port())]
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        until = time.monotonic() + READY_S
        while b"Ready: " not in (site.folder / "up.out").read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"`up` did not start: {(site.folder / 'up.out').read_text()}")
            time.sleep(0.2)
        return cls(site, process)

    def stop(self) -> None:
        """End it as a person does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def wait_until_done(self, source: SourceRow, versions: Mapping[str, str]) -> list[str]:
        """Wait until no run of a source is left and everything of it is made; what is wrong if that does not come."""
        until = time.monotonic() + DONE_S
        left, found = -1, {}
        while time.monotonic() < until:
            try:
                with psycopg.connect(self.site.dagster_dsn) as connection:
                    row = connection.execute(UNFINISHED, (source.key,)).fetchone()
                left, found = int(row[0]) if row else -1, data_versions(self.site.dagster_dsn, source.key)
                if not left and found.keys() >= versions.keys():
                    return []
            except psycopg.OperationalError:
                pass  # the database is on its way back
            time.sleep(0.5)
        missing = ", ".join(sorted(versions.keys() - found.keys()))
        return [f"after {DONE_S} s {left} runs are unfinished, and not made are: {missing or 'none'}"]
