"""The check of a source's recommendations."""

import dagster as dg

from assets.partitions import source_partitions
from precedent.incidents import repository as analyses
from resources.database import DatabaseResource


@dg.asset_check(
    asset=dg.AssetKey(["incidents", "recommendations"]), name="served_as_asked", partitions_def=source_partitions
)
def recommendations_served_as_asked(
    context: dg.AssetCheckExecutionContext, database: DatabaseResource
) -> dg.AssetCheckResult:
    """The latest analysis of every incident came from the provider that was asked."""
    source = database.source(context.partition_key)
    with database.connection(source) as connection:
        found = analyses.fallbacks(connection, source.id)
    count = sum(found.values())
    answered = f"A fallback answered for {count:,} incidents: {next(iter(found))}." if found else "None fell back."
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=answered,
        metadata={"fallback/incidents": count, "fallback/reasons": dg.MetadataValue.json(found)},
    )
