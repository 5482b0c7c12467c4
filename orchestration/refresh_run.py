"""Running the assets of a source in this process."""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import dagster as dg

from assets.partitions import NAME
from assets.refresh_config import RefreshConfig
from orchestration.coverage import coverage_tags, layers
from orchestration.dagster_internals import DagsterAssetCheckFailedError
from orchestration.dead_commands import end_dead, process_tags
from orchestration.run_queue import SOURCE, TENANT
from precedent.database.session import Database
from precedent.errors import PrecedentError, UsageError
from precedent.providers.billing import usage
from precedent.sources.repository import SourceRow


@dataclass(frozen=True, slots=True)
class RefreshOptions:
    """What `refresh` was asked for; each field has the name of the command's option."""

    select: tuple[str, ...] = ()
    created_after: str | None = None
    created_before: str | None = None
    full: bool = False
    sweep: bool = False
    confirm_loss: bool = False

    def keys(self) -> list[dg.AssetKey]:
        """The assets of the selected layers, or of all.

        Raises:
            UsageError: there is no such layer.
        """
        from orchestration.definitions import defs

        known = layers(defs.resolve_asset_graph())
        for layer in self.select:
            if layer not in known:
                raise UsageError(f"There is no layer {layer!r}: choose from {', '.join(known)}.")
        return [key for layer in (self.select or known) for key in known[layer]]

    def run_config(self, keys: Collection[dg.AssetKey]) -> dict[str, Any]:
        """The configuration of a run of these assets: all of them that take a `RefreshConfig` get the same one."""
        from orchestration.definitions import defs

        values = {
            "created_after": self.created_after,
            "created_before": self.created_before,
            "full_refresh": self.full,
            "sweep": self.sweep,
            "confirm_loss": self.confirm_loss,
        }
        config = {name: value for name, value in values.items() if value is not None}
        ops = {op.name: op for op in (defs.resolve_assets_def(key).op for key in keys)}
        return {
            "ops": {name: {"config": config} for name, op in sorted(ops.items()) if _takes_refresh_config(op)},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        }


@dataclass(slots=True)
class RefreshOutcome:
    """What a run did.

    Attributes:
        source: The source's key.
        run_id: The Dagster run.
        success: Whether all of it succeeded.
        seconds: How long it took.
        error: Why it did not succeed.
        cost_usd: What its calls have cost by the ledger, those of steps that failed included.
        unpriced_calls: Calls whose cost is not known, and not in it.
        layers: Each asset's metadata as plain values.
        checks: Whether each check passed.
    """

    source: str
    run_id: str
    success: bool
    seconds: float
    error: str | None = None
    cost_usd: Decimal = Decimal(0)
    unpriced_calls: int = 0
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    checks: dict[str, bool] = field(default_factory=dict)


def run_refresh(
    instance: dg.DagsterInstance, database: Database, source: SourceRow, options: RefreshOptions
) -> RefreshOutcome:
    """Materialise a source's assets in this process, recorded in the shared Dagster instance.

    Args:
        instance: Where the run is recorded.
        database: The platform's.
        source: Which source.
        options: What was asked for.

    Raises:
        UsageError: `select` names no layer.
    """
    from orchestration.definitions import defs

    keys = options.keys()
    job = defs.resolve_job_def("refresh")
    instance.add_dynamic_partitions(NAME, [source.key])
    end_dead(instance)
    began = time.monotonic()
    tags = {
        **process_tags("refresh"),
        TENANT: source.tenant,
        SOURCE: source.name,
        **coverage_tags(defs.resolve_asset_graph(), job.name, keys),
    }
    result = job.execute_in_process(
        run_config=options.run_config(keys),
        instance=instance,
        partition_key=source.key,
        asset_selection=keys,
        raise_on_error=False,
        tags=tags,
    )
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
    with database.bulk(source.tenant_id) as connection:
        spent = usage.of_run(connection, result.run_id)
    outcome.cost_usd, outcome.unpriced_calls = spent.known_usd, spent.unpriced_calls
    if not result.success:
        outcome.error = _why(result)
    return outcome


def _takes_refresh_config(op: dg.OpDefinition) -> bool:
    fields = getattr(op.config_schema.config_type, "fields", {})
    return set(RefreshConfig.to_fields_dict()) <= set(fields)


def _why(result: dg.ExecuteInProcessResult) -> str:
    """Every reason: a step that failed is often why a check behind it did."""
    reasons = [_reason(event) for event in result.all_events if event.is_step_failure]
    reasons += [
        f"check {check.asset_key.to_user_string()}:{check.check_name} failed ({check.description or 'no reason'})"
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    found = "; ".join(dict.fromkeys(reason.rstrip(".") for reason in reasons if reason))
    if not found:
        return "The run did not succeed: its page in the Dagster UI says why."
    return f"{found}. What was done is kept: refresh again, or see the run {result.run_id}."


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    if data.error is None:
        return ""
    if data.error.cls_name == DagsterAssetCheckFailedError.__name__:
        return ""  # the check says itself why
    cause = data.error.cause or data.error
    said = cause.message.strip().splitlines()[0]
    sentence = said.removeprefix(f"{PrecedentError.__module__}.{cause.cls_name}: ")
    return sentence if sentence != said else f"{event.step_key} failed: {said}"
