"""`incidents/recommendations`: what to do about each incident, from what happened before."""

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import OWNERS, counted, row_metadata
from precedent.incidents import repository as store
from precedent.incidents.analysis import analyse, analysis_version, find_evidence
from precedent.incidents.prompt import PROMPT_VERSION
from precedent.progress import Progress
from precedent.providers import health
from precedent.providers.runtime import routing
from precedent.providers.runtime.embedder import BudgetExhausted
from precedent.vectors import space as spaces
from resources.platform import DatabaseResource, RecommenderResource

COMMIT_EVERY = 50


@dg.asset(
    key=["incidents", "recommendations"],
    deps=[dg.AssetKey(["vectors", "embeddings"]), dg.AssetKey(["config", "intelligence_provider"])],
    pool="intelligence_provider",
    group_name="incidents",
    kinds={"postgres", "python"},
    owners=OWNERS,
    code_version="1",
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def recommendations(
    context: dg.AssetExecutionContext,
    config: RefreshConfig,
    database: DatabaseResource,
    recommender: RecommenderResource,
) -> dg.MaterializeResult[None]:
    """One analysis run per incident whose text, state or provider changed: recommendations with cited evidence.

    Evidence comes from all sources of the tenant and from before the incident began. Where a provider gives no usable
    answer the next of its chain is asked, and the rules at last; what they answered is asked again by the next run
    that finds the provider well.
    """
    source = database.source(context.partition_key)
    generator = recommender.of(context, database.database, source)
    failed = 0
    exhausted = None
    with database.database.bulk(source.tenant_id, alone_on=source.id) as connection:
        removed = store.remove_gone(connection, source.id)
        incidents = store.pending(
            connection, source.id, analysis_version(generator.asked), everything=config.full_refresh,
            retry_fallbacks=routing.is_well(generator.asked, health.list(database.database, source.tenant_id)),
        )  # fmt: skip
        progress = Progress("recommendations", len(incidents), context.log.info)
        space = spaces.active(connection) if incidents else None
        for number, incident in enumerate(incidents, start=1):
            evidence = find_evidence(connection, space.id, incident) if space else ()
            try:
                row = analyse(
                    generator, incident, evidence, tenant_id=source.tenant_id, source_id=source.id,
                    dagster_run_id=context.run.run_id,
                )  # fmt: skip
            except BudgetExhausted as error:
                exhausted = f"{error} {number - 1:,} of {len(incidents):,} incidents were analysed and are kept."
                break
            store.save(connection, row)
            failed += row.status == "failed"
            if number % COMMIT_EVERY == 0:
                connection.commit()
            progress.advance(1)
        connection.commit()
        total, digest = store.manifest(connection, source.id)
        types = store.types(connection, source.id)
        fallbacks = store.fallbacks(connection, source.id)
    if exhausted:
        raise dg.Failure(exhausted, metadata={"budget/exhausted": True}, allow_retries=False)
    done = len(incidents) - failed
    metadata = row_metadata(
        "analysis_runs", total, added=done, unchanged=max(0, total - done), deleted=removed, failed=failed,
        seconds=progress.seconds,
    )  # fmt: skip
    asked = generator.asked
    calls = [client.totals for client in generator.clients if client.totals.calls]
    metadata |= {
        "provider/name": dg.MetadataValue.text(asked.name),
        "provider/driver": dg.MetadataValue.text(asked.driver.name),
        "provider/model": dg.MetadataValue.text(asked.provider.model),
        "provider/revision": dg.MetadataValue.text(asked.provider.fingerprint),
        "prompt/version": dg.MetadataValue.text(PROMPT_VERSION),
        "tokens/input": dg.MetadataValue.int(sum(total.usage.input for total in calls)),
        "tokens/output": dg.MetadataValue.int(sum(total.usage.output for total in calls)),
        "cost/usd": dg.MetadataValue.float(float(sum(total.cost for total in calls))),
        "egress/masked": dg.MetadataValue.int(sum(total.masked for total in calls)),
        "fallback/used": dg.MetadataValue.bool(bool(fallbacks)),
        "fallback/incidents": dg.MetadataValue.int(sum(fallbacks.values())),
    }
    if fallbacks:
        metadata["fallback/reason"] = dg.MetadataValue.text(next(iter(fallbacks)))
    if unpriced := sum(total.unpriced for total in calls):
        metadata["cost/unpriced_calls"] = dg.MetadataValue.int(unpriced)
    metadata |= counted("recommendations", types)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(digest))
