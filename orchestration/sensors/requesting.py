"""A run of a source, as sensors and schedules ask for it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.run_queue import CLASS, SOURCE, TENANT, RunClass
from precedent.sources.schedule import PendingIncidents, ScheduledSource


def run_of(
    source: ScheduledSource | PendingIncidents,
    run_key: str,
    kind: RunClass | None = None,
    run_config: Mapping[str, Any] | None = None,
) -> dg.RunRequest:
    """A run of a source's partition.

    Args:
        source: Whose partition.
        run_key: Used once for ever: it holds what makes this run another than those before.
        kind: Its class in the queue; None is live work.
        run_config: Its configuration.
    """
    tags = {TENANT: source.tenant, SOURCE: source.name}
    return dg.RunRequest(
        run_key=run_key, partition_key=source.key, run_config=dict(run_config or {}),
        tags=tags if kind is None else {**tags, CLASS: kind.value},
    )  # fmt: skip
