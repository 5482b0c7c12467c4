"""Dagster's event log without the events of old runs that nothing reads.

Three kinds of rows must stay for ever. Everything about assets and checks: partition status, data versions, automation
and asset health are computed from it, and a materialisation that is gone makes its partition missing. The changes of
a run's status (`PIPELINE_*`, `RUN_*`): sensors and the timeline read them. `STEP_FAILURE`: it says why a run failed.
So what may go is listed, not what stays: a type that a later Dagster adds is kept.
"""

from datetime import UTC

from dagster import DagsterEventType
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy import text

from orchestration.dagster_internals import FINISHED_STATUSES
from orchestration.maintenance.contract import Part, Place, Steps
from precedent.database.pruning import Amount, Order
from precedent.errors import UsageError

DISPENSABLE = (
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_INPUT,
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_SKIPPED,
    DagsterEventType.STEP_UP_FOR_RETRY,
    DagsterEventType.STEP_RESTARTED,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.RESOURCE_INIT_FAILURE,
    DagsterEventType.OBJECT_STORE_OPERATION,
    DagsterEventType.ASSET_STORE_OPERATION,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.HOOK_COMPLETED,
    DagsterEventType.HOOK_SKIPPED,
    DagsterEventType.LOGS_CAPTURED,
)
BATCH = 5_000
# By id, from where the last batch ended: what stays is passed once. A log line of a program has no type.
PAGE = """
SELECT e.id, octet_length(e.event) AS bytes FROM event_logs e
WHERE e.id > :after AND e.timestamp < :before AND e.asset_key IS NULL
  AND (e.dagster_event_type IS NULL OR e.dagster_event_type = ANY(:types))
  AND EXISTS (SELECT FROM runs r WHERE r.run_id = e.run_id AND r.status = ANY(:finished))
ORDER BY e.id LIMIT :size
"""
COUNT = f"WITH page AS ({PAGE}) SELECT count(*), coalesce(sum(bytes), 0), max(id) FROM page"  # noqa: S608 - constants
REMOVE = f"""
WITH page AS ({PAGE}), gone AS (DELETE FROM event_logs e USING page p WHERE e.id = p.id RETURNING p.id, p.bytes)
SELECT count(*), coalesce(sum(bytes), 0), max(id) FROM gone
"""  # noqa: S608 - constants


def prune(place: Place, order: Order) -> Steps:
    """Remove old events of finished runs, a batch a transaction; runs that are under way keep theirs.

    Raises:
        UsageError: Dagster's events are not in PostgreSQL.
    """
    storage = place.instance.event_log_storage
    if not isinstance(storage, PostgresEventLogStorage):
        raise UsageError("Dagster's events are not in PostgreSQL: set `storage` in dagster.yaml.")
    statement, after = text(COUNT if order.dry_run else REMOVE), 0
    values = {
        "before": order.before.astimezone(UTC).replace(tzinfo=None),  # the column has no time zone and means UTC
        "types": [kind.value for kind in DISPENSABLE],
        "finished": [status.value for status in FINISHED_STATUSES],
        "size": BATCH,
    }
    while True:
        with storage.index_connection() as connection:
            count, size, last = connection.execute(statement, {**values, "after": after}).one()
        if not count:
            return
        after = last
        yield Amount(count, int(size))


EVENTS = Part("events", "step events and log lines of finished runs", 30, prune)
