"""The Dagster instance that the command line and the web server share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.partitions import NAME
from orchestration.dagster_internals import NO_COMPUTE_LOGS, InstanceRef, ending_with_storage, pooled
from precedent.database.endpoints import Endpoints
from precedent.database.session import Database, translated
from precedent.folders import make_private
from precedent.settings import PROJECT_ROOT, Settings
from precedent.sources import repository as sources


def dagster_environment(settings: Settings, endpoints: Endpoints) -> dict[str, str]:
    """The variables that `dagster.yaml` reads, for this process and for those it starts."""
    home = make_private(settings.home) / "dagster"
    files = home / "files"
    files.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    target = PROJECT_ROOT / "dagster.yaml"
    if not link.exists() or link.resolve() != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return {
        "DAGSTER_HOME": str(home),
        "PRECEDENT_HOME": str(settings.home),
        "PRECEDENT_DAGSTER_URL": endpoints.dagster_url(),
        "PRECEDENT_DAGSTER_FILES": str(files),
    }


@contextmanager
def dagster_instance(settings: Settings, endpoints: Endpoints) -> Iterator[dg.DagsterInstance]:
    """The instance, for runs in this process: their output goes to the terminal, not to log files.

    Raises:
        DatabaseError: Dagster's storage cannot be reached any more.
    """
    environment = dagster_environment(settings, endpoints)
    os.environ.update(environment)
    reference = InstanceRef.from_dir(environment["DAGSTER_HOME"], overrides=NO_COMPUTE_LOGS)
    with (
        translated(endpoints.dagster),
        dg.DagsterInstance.from_ref(reference) as instance,
        ending_with_storage(instance),
        pooled(instance),
    ):
        yield instance


def sync_partitions(instance: dg.DagsterInstance, database: Database) -> None:
    """Make the `source` partitions those of the table of sources."""
    wanted = {key for key, _ in sources.list_keys(database)}
    held = set(instance.get_dynamic_partitions(NAME))
    if wanted - held:
        instance.add_dynamic_partitions(NAME, sorted(wanted - held))
    for key in held - wanted:
        instance.delete_dynamic_partition(NAME, key)
