"""The job `maintenance`: every part is an op of its own, so that one that fails leaves the others alone."""

import os
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.jobs import BULK
from orchestration.maintenance.contract import Part, Place
from orchestration.maintenance.run import PARTS, run
from precedent.errors import UsageError
from resources.failure import as_failure

ERRORS_SHOWN = 10


def files_folder() -> Path:
    """The folder of `dagster.yaml`'s captured output.

    Raises:
        UsageError: `PRECEDENT_DAGSTER_FILES` is not set.
    """
    folder = os.environ.get("PRECEDENT_DAGSTER_FILES")
    if not folder:
        raise UsageError("PRECEDENT_DAGSTER_FILES is not set: set it to the folder that dagster.yaml reads.")
    return Path(folder)


def _op(part: Part) -> dg.OpDefinition:
    @dg.op(
        name=f"maintain_{part.name}",
        description=f"Removes {part.what} that are old.",
        required_resource_keys={"database"},
        config_schema={
            "days": dg.Field(int, default_value=part.days, description="The age from which things go, 1 or more."),
            "dry_run": dg.Field(bool, default_value=False, description="Count, and change nothing."),
        },
    )
    def maintain(context: dg.OpExecutionContext) -> None:
        config: dict[str, Any] = context.op_config
        with as_failure():
            if config["days"] < 1:
                raise UsageError(f"Things go after 1 day or more, not {config['days']}: correct the run's config.")
            place = Place(context.instance, context.resources.database.database, files_folder())
            report = run(part, place, days=config["days"], dry_run=config["dry_run"], log=context.log.info)
        metadata: dict[str, Any] = {
            "count": report.count,
            "bytes": report.bytes,
            "days": report.days,
            "dry_run": report.dry_run,
            "errors": len(report.errors),
        }
        if report.errors:
            raise dg.Failure(
                f"Done except for {len(report.errors)}: {'; '.join(report.errors[:ERRORS_SHOWN])}. Run it again.",
                metadata=metadata,
                allow_retries=False,
            )
        context.add_output_metadata(metadata)

    return maintain


OPS = [_op(part) for part in PARTS.values()]


@dg.job(
    name="maintenance",
    description="Remove what is old: events and output of runs, tombstones, kept vectors, pictures.",
    tags=BULK,
    executor_def=dg.in_process_executor,
)
def maintenance() -> None:
    """Every part, in no order."""
    for op in OPS:
        op()
