"""`incidents/recommendations`: what to do about each incident, from what happened before."""

import dagster as dg

from assets.incidents.analysis import analyse, analysis_version, find_evidence
from assets.partitions import backfill_policy, source_partitions
from assets.refresh_config import RefreshConfig
from assets.row_metadata import OWNERS, counted, row_metadata
from resources.platform import DatabaseResource
from resources.progress import Progress
from resources.providers.drivers.local import LocalRecommender
from resources.stores import analyses as store
from resources.stores import spaces

COMMIT_EVERY = 50


@dg.asset(
    key=["incidents", "recommendations"],
    deps=[dg.AssetKey(["vectors", "embeddings"])],
    group_name="incidents",
    kinds={"postgres", "python"},
    owners=OWNERS,
    code_version="1",
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def recommendations(
    context: dg.AssetExecutionContext, config: RefreshConfig, database: DatabaseResource
) -> dg.MaterializeResult[None]:
    """One analysis run per incident whose text, state or provider changed: recommendations with cited evidence.

    Evidence comes from all sources of the tenant and from before the incident began.
    """
    source = database.source(context.partition_key)
    provider = LocalRecommender()
    failed = 0
    with database.database.bulk(source.tenant_id, alone_on=source.id) as connection:
        removed = store.remove_gone(connection, source.id)
        incidents = store.pending(connection, source.id, analysis_version(provider), everything=config.full_refresh)
        progress = Progress("recommendations", len(incidents), context.log.info)
        space = spaces.active(connection) if incidents else None
        for number, incident in enumerate(incidents, start=1):
            evidence = find_evidence(connection, space.id, incident) if space else ()
            row = analyse(
                provider, incident, evidence, tenant_id=source.tenant_id, source_id=source.id,
                dagster_run_id=context.run.run_id,
            )  # fmt: skip
            store.save(connection, row)
            failed += row.status == "failed"
            if number % COMMIT_EVERY == 0:
                connection.commit()
            progress.advance(1)
        connection.commit()
        total, digest = store.manifest(connection, source.id)
        types = store.types(connection, source.id)
    done = len(incidents) - failed
    metadata = row_metadata(
        "analysis_runs", total, added=done, unchanged=max(0, total - done), deleted=removed, failed=failed,
        seconds=progress.seconds,
    )  # fmt: skip
    metadata |= {
        "provider/name": dg.MetadataValue.text(provider.name),
        "provider/model": dg.MetadataValue.text(provider.model),
        "cost/usd": dg.MetadataValue.float(0.0),
    }
    metadata |= counted("recommendations", types)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(digest))
