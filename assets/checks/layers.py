"""Asset checks; blocking where a consumer of the asset would be harmed."""

import dagster as dg

from assets.checks import rows
from assets.partitions import source_partitions
from precedent.quality import repository as reports
from precedent.quality import thresholds
from precedent.quality.verdicts import verdict_of
from precedent.sources.sync import state as sync_state
from precedent.sources.sync.state import State
from resources.platform import DatabaseResource

CHUNKS = dg.AssetKey(["text", "chunks"])
EMBEDDINGS = dg.AssetKey(["vectors", "embeddings"])
QUALITY = dg.AssetKey(["reports", "vector_quality"])
RAW_ISSUES = dg.AssetKey(["raw", "issues"])


@dg.asset_check(asset=EMBEDDINGS, name="coverage", blocking=True, partitions_def=source_partitions)
def coverage(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Every passage has its vector in the active space; search would silently miss the rest.

    A threshold of the tenant or source may allow some to lack it.
    """
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        chunks, embedded = rows.coverage(connection, source.id)
        limit = thresholds.for_source(connection, source.id).thresholds.coverage
    return dg.AssetCheckResult(
        passed=embedded >= limit * chunks,
        description=f"{embedded:,} of {chunks:,} passages have a vector.",
        metadata={"chunks": chunks, "embedded": embedded, "threshold": limit},
    )


@dg.asset_check(asset=EMBEDDINGS, name="dimensions", blocking=True, partitions_def=source_partitions)
def dimensions(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Every vector has the dimension of its space."""
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        found = rows.vectors(connection, source.id)
    return dg.AssetCheckResult(
        passed=found.other_dimensions == 0,
        description=f"{found.other_dimensions:,} of {found.vectors:,} vectors have another dimension.",
        metadata={"vectors": found.vectors, "other_dimensions": found.other_dimensions},
    )


@dg.asset_check(asset=EMBEDDINGS, name="no_zero_vectors", blocking=True, partitions_def=source_partitions)
def no_zero_vectors(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """No vector is zero; a zero vector is as near to everything as to nothing."""
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        found = rows.vectors(connection, source.id)
    return dg.AssetCheckResult(
        passed=found.zero == 0,
        description=f"{found.zero:,} of {found.vectors:,} vectors are zero.",
        metadata={"vectors": found.vectors, "zero": found.zero},
    )


@dg.asset_check(asset=EMBEDDINGS, name="no_orphan_rows", partitions_def=source_partitions)
def no_orphan_rows(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Every layer's rows have their counterparts in the layers beside it."""
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        found = rows.orphans(connection, source.id)
    return dg.AssetCheckResult(
        passed=found.none,
        severity=dg.AssetCheckSeverity.WARN,
        description="Every row has its counterpart." if found.none else "Some rows lost their counterpart.",
        metadata={name: getattr(found, name) for name in found.__dataclass_fields__},
    )


@dg.asset_check(asset=QUALITY, name="quality_score", blocking=True, partitions_def=source_partitions)
def quality_score(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """The newest report of the source passes its gates, under the thresholds that hold now."""
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        report = reports.latest(connection, source.id)
        chunks, _ = rows.coverage(connection, source.id)
        limits = thresholds.for_source(connection, source.id).thresholds
    if report is None or not chunks:
        return dg.AssetCheckResult(passed=True, description="The source has no vectors to judge yet.")
    verdict = verdict_of(report, limits)
    broken = [gate for gate in verdict.gates if gate.passed is False]
    return dg.AssetCheckResult(
        passed=verdict.passed,
        description=f"Score {verdict.score:.0f} of 100." + "".join(f" {gate.name}: {gate.reason}." for gate in broken),
        metadata={
            "score": verdict.score,
            "failed_gates": [gate.name for gate in broken],
            "blocking_gates": list(verdict.blocking_failures),
            "space/id": report.space_id,
        },
    )


@dg.asset_check(asset=RAW_ISSUES, name="nothing_rejected", partitions_def=source_partitions)
def nothing_rejected(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """Every record of the source could be read; the rest stands in `rejected_records` with its reason."""
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        found = connection.execute(
            "SELECT reason, count(*) FROM rejected_records WHERE source_id = %s GROUP BY reason", (source.id,)
        ).fetchall()
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{sum(n for _, n in found):,} records could not be read." if found else "All were read.",
        metadata={f"rejected/{reason}": n for reason, n in found},
    )


@dg.asset_check(asset=RAW_ISSUES, name="source_readable", partitions_def=source_partitions)
def source_readable(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> dg.AssetCheckResult:
    """The last sync reached the end of every stream; what it fetched before a fault is kept either way.

    A source that waits goes on by itself (a warning); one that needs attention does not (an error).
    """
    source = database.source(context.partition_key)
    with database.database.bulk(source.tenant_id) as connection:
        found = sync_state.load(connection, source.id)
    waits = found.state is State.WAITING
    metadata: dict[str, dg.RawMetadataValue] = {"state": found.state.value, "failures_in_a_row": found.failures}
    if found.code:
        metadata["code"] = found.code
    if found.wait_until:
        metadata["next_attempt"] = dg.MetadataValue.timestamp(found.wait_until)
    metadata |= {f"stream/{name}": stream.reason for name, stream in found.streams.items() if stream.reason}
    return dg.AssetCheckResult(
        passed=found.state is State.OK,
        severity=dg.AssetCheckSeverity.WARN if waits else dg.AssetCheckSeverity.ERROR,
        description=found.reason or "Everything was read.",
        metadata=metadata,
    )


ALL = [coverage, dimensions, no_zero_vectors, no_orphan_rows, quality_score, nothing_rejected, source_readable]
