"""`incidents/recommendations`: what to do about each incident, from what happened before."""

from collections.abc import Mapping

import dagster as dg

from assets.definition import source_asset
from assets.refresh_config import RefreshConfig
from assets.row_metadata import Metadata, counted, materialized
from assets.spending import spent
from precedent.incidents import repository as store
from precedent.incidents.backlog import analyse_backlog
from precedent.incidents.prompt import PROMPT_VERSION
from precedent.providers import health
from precedent.providers.runtime import routing
from precedent.providers.runtime.generator import Generator
from resources.database import DatabaseResource
from resources.recommender import RecommenderResource


@source_asset(
    "incidents/recommendations",
    deps=["vectors/embeddings", "config/intelligence_provider"],
    pool="intelligence_provider",
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
    generator = recommender.for_source(context, database.database, source)
    well = routing.is_well(generator.asked, health.list(database.database, source.tenant_id))
    with database.connection(source, alone=True) as connection:
        done = analyse_backlog(
            database.database,
            connection,
            source,
            generator,
            everything=config.full_refresh,
            retry_fallbacks=well,
            dagster_run_id=context.run.run_id,
            log=context.log.info,
        )
        total, digest = store.manifest(connection, source.id)
        types = store.types(connection, source.id)
        fallbacks = store.fallbacks(connection, source.id)
    cost = spent(context, database, source)
    if done.exhausted:
        raise dg.Failure(done.exhausted, metadata={"budget/exhausted": True, **cost}, allow_retries=False)
    return materialized(
        "analysis_runs",
        total,
        digest,
        added=done.analysed,
        unchanged=max(0, total - done.analysed),
        deleted=done.removed,
        failed=done.failed,
        seconds=done.seconds,
        metadata=_served(generator, fallbacks) | cost | counted("recommendations", types),
    )


def _served(generator: Generator, fallbacks: Mapping[str, int]) -> Metadata:
    """Who was asked, with how many tokens, and how often another one answered."""
    asked = generator.asked
    calls = [client.totals for client in generator.clients if client.totals.calls]
    found: Metadata = {
        "provider/name": asked.name,
        "provider/driver": asked.driver.name,
        "provider/model": asked.provider.model,
        "provider/revision": asked.provider.fingerprint,
        "prompt/version": PROMPT_VERSION,
        "tokens/input": sum(total.usage.input for total in calls),
        "tokens/output": sum(total.usage.output for total in calls),
        "egress/masked": sum(total.masked for total in calls),
        "fallback/used": bool(fallbacks),
        "fallback/incidents": sum(fallbacks.values()),
    }
    if fallbacks:
        found["fallback/reason"] = next(iter(fallbacks))
    return found
