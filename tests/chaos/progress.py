"""How far the run of a source is, by Dagster's log of events, so that a kill meets the stage that it is meant for."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from tests.chaos.plan import Stage

STEPS = """
SELECT e.step_key, e.dagster_event_type, extract(epoch FROM e.timestamp AT TIME ZONE 'UTC')::float8
FROM event_logs e JOIN run_tags t ON t.run_id = e.run_id
WHERE t.key IN ('dagster/partition', 'dagster/asset_partition_range_start') AND t.value = %s
  AND e.dagster_event_type IN ('STEP_START', 'STEP_SUCCESS', 'STEP_FAILURE') ORDER BY e.id
"""
LOOK_S = 0.005


@dataclass(frozen=True, slots=True)
class Span:
    """When a stage began and ended, in seconds since 1970."""

    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


def spans(dagster_dsn: str, key: str, started_at: float) -> dict[Stage, Span]:
    """When each stage of the only run of a source was under way.

    Args:
        dagster_dsn: The way into Dagster's database.
        key: The source.
        started_at: When the command was started.
    """
    with psycopg.connect(dagster_dsn) as connection:
        rows = connection.execute(STEPS, (key,)).fetchall()
    began = {step: at for step, event, at in rows if event == "STEP_START"}
    ended = {step: at for step, event, at in rows if event == "STEP_SUCCESS"}
    found = {Stage(step): Span(began[step], ended[step]) for step in began if step in {*Stage} and step in ended}
    return {Stage.START: Span(started_at, min(began.values())), **found}


def wait_for_stage(dagster_dsn: str, key: str, stage: Stage, alive: Callable[[], bool], seconds: float = 120) -> bool:
    """Wait until a stage begins; False where what is to reach it has ended before."""
    if stage is Stage.START:
        return True
    until = time.monotonic() + seconds
    with psycopg.connect(dagster_dsn, autocommit=True) as connection:
        while time.monotonic() < until:
            if any(step == stage for step, *_ in connection.execute(STEPS, (key,)).fetchall()):
                return True
            if not alive():
                return False
            time.sleep(LOOK_S)
    return False
