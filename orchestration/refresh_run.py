"""Running the assets of a source in this process, with live progress."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from assets.raw.records import NAMES
from orchestration.cli.output import console, errors
from orchestration.coverage import reach_tags
from precedent.errors import UsageError
from precedent.progress import Step, watched_by
from precedent.sources.repository import SourceRow

LAYERS = {
    "raw": [f"raw/{name}" for name in NAMES.values()],
    "text": ["text/documents", "text/chunks"],
    "vectors": ["vectors/embeddings", "vectors/qdrant_index"],
    "reports": ["reports/vector_quality"],
    "incidents": ["incidents/recommendations"],
}
CONFIGURED = ("raw_records", "text__documents", "text__chunks", "vectors__qdrant_index", "incidents__recommendations")


@dataclass(frozen=True, slots=True)
class RefreshOptions:
    """What `refresh` was asked for."""

    select: tuple[str, ...] = ()
    created_after: str | None = None
    created_before: str | None = None
    full: bool = False
    sweep: bool = False


@dataclass(slots=True)
class RefreshOutcome:
    """What a run did; `layers` holds each asset's metadata as plain values."""

    source: str
    run_id: str
    success: bool
    seconds: float
    error: str | None = None
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)


def run_refresh(
    instance: dg.DagsterInstance, source: SourceRow, options: RefreshOptions, *, quiet: bool = False
) -> RefreshOutcome:
    """Materialise a source's assets in this process, recorded in the shared Dagster instance.

    Raises:
        UsageError: `select` names no layer.
    """
    from orchestration.definitions import defs

    for layer in options.select:
        if layer not in LAYERS:
            raise UsageError(f"There is no layer {layer!r}: choose from {', '.join(LAYERS)}.")
    keys = [name for layer in (options.select or LAYERS) for name in LAYERS[layer]]
    selection = [dg.AssetKey.from_user_string(name) for name in keys]
    job = defs.resolve_job_def("refresh")
    instance.add_dynamic_partitions("source", [source.key])
    began = time.monotonic()
    with _display(quiet=quiet):
        result = job.execute_in_process(
            run_config=run_config(keys, options), instance=instance, partition_key=source.key,
            asset_selection=selection, raise_on_error=False,
            tags={
                "precedent/tenant": source.tenant, "precedent/source": source.name,
                **reach_tags(job.name, selection),
            },
        )  # fmt: skip
    outcome = RefreshOutcome(source.key, result.run_id, result.success, round(time.monotonic() - began, 2))
    for event in result.get_asset_materialization_events():
        made = event.step_materialization_data.materialization
        outcome.layers[made.asset_key.to_user_string()] = {
            name: value.value
            for name, value in made.metadata.items()
            if isinstance(value.value, str | int | float | bool) and name != "plot"
        }
    for check in result.get_asset_check_evaluations():
        outcome.checks[f"{check.asset_key.to_user_string()}:{check.check_name}"] = check.passed
    if not result.success:
        outcome.error = _why(result)
    return outcome


def run_config(keys: list[str], options: RefreshOptions) -> dict[str, Any]:
    """The configuration of a run of these assets."""
    config = {
        "created_after": options.created_after,
        "created_before": options.created_before,
        "full_refresh": options.full,
        "sweep": options.sweep,
    }
    config = {name: value for name, value in config.items() if value is not None}
    names = {name.replace("/", "__") for name in keys}
    chosen = [op for op in CONFIGURED if op in names or (op == "raw_records" and "raw/issues" in keys)]
    return {
        "ops": {op: {"config": config} for op in chosen},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }


def _why(result: dg.ExecuteInProcessResult) -> str:
    broken = [
        f"check {check.asset_key.to_user_string()}:{check.check_name} failed ({check.description or 'no reason'})"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    if broken:
        return f"{'; '.join(broken)}. What was done is kept: refresh again, or see the run {result.run_id}."
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return str(data.user_failure_data.description)
            error = data.error
            if error is not None:
                cause = error.cause or error
                return f"{event.step_key} failed: {cause.message.strip().splitlines()[0]}"
    return "The run did not succeed: its page in the Dagster UI says why."


@contextmanager
def _display(*, quiet: bool) -> Iterator[None]:
    if quiet:
        yield
        return
    if console.is_terminal:
        with _bars():
            yield
        return
    with watched_by(_Lines()):
        yield


@contextmanager
def _bars() -> Iterator[None]:
    columns = (
        TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>14}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}
        began: dict[str, float] = {}

        def show(step: Step) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = bars.add_task(step.stage, total=step.total, rate="")
                began[step.stage] = time.monotonic()
            seconds = max(time.monotonic() - began[step.stage], 0.1)
            bars.update(tasks[step.stage], completed=step.done, rate=f"{step.rows / seconds:,.0f} rows/s")

        with watched_by(show):
            yield


class _Lines:
    """Plain lines for logs and pipes: one every few seconds and one at the end of a stage."""

    def __init__(self, interval: float = 5.0) -> None:
        self.interval = interval
        self.shown: dict[str, float] = {}
        self.began: dict[str, float] = {}

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        began = self.began.setdefault(step.stage, now)
        complete = step.total is not None and step.done >= step.total
        if not complete and now - self.shown.get(step.stage, began) < self.interval:
            return
        self.shown[step.stage] = now
        seconds = max(now - began, 0.1)
        text = f"{step.stage}: {step.rows:,} rows, {step.rows / seconds:,.0f} rows/s"
        if step.total and not complete:
            left = seconds * (step.total - step.done) / max(step.done, 1)
            text += f", {100 * step.done / step.total:.0f} %, about {left:.0f} s left"
        errors.print(text)
