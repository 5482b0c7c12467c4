"""`reports/vector_quality`: how good a source's vectors are."""

import base64

import dagster as dg
import numpy as np

from assets.partitions import backfill_policy, source_partitions
from assets.reports import measures as measure
from assets.reports.plots import quality_figure
from assets.reports.score import QualityMeasures, Verdict, judge
from assets.row_metadata import OWNERS
from resources.catalog import SourceRow
from resources.database.session import Database
from resources.platform import DatabaseResource, EmbedderResource
from resources.progress import Progress
from resources.providers.embedder import Embedder
from resources.stores import embeddings, promotion, spaces
from resources.stores import reports as store
from resources.stores.spaces import Space

REPORT_VERSION = "2"
SAMPLE = 1_000
CANARIES = 64
PAIRS = 200


@dg.asset(
    key=["reports", "vector_quality"],
    deps=[dg.AssetKey(["vectors", "embeddings"])],
    group_name="reports",
    kinds={"postgres", "numpy", "matplotlib"},
    owners=OWNERS,
    code_version=REPORT_VERSION,
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def vector_quality(
    context: dg.AssetExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> dg.MaterializeResult[None]:
    """How good a source's vectors are: their rows, their shape, and whether they belong to their texts.

    Counts dimensions, zero vectors, norms and duplicates; embeds a sample again (canary) and lets titles find
    their own bodies, which is what catches vectors of other texts. Made anew only when the vectors have changed.
    """
    source = database.source(context.partition_key)
    provider = embedder.of(context, database.database, source)
    with database.database.bulk(source.tenant_id) as connection:
        space = spaces.ensure(connection, source.tenant_id, provider.profile)
        count, digest = embeddings.manifest(connection, source.id, space.id)
        manifest = f"{REPORT_VERSION}:{space.id}:{digest}"
        report = store.latest(connection, source.id)
    if count == 0:
        return dg.MaterializeResult(
            metadata={"vectors/count": 0, "quality/judged": False}, data_version=dg.DataVersion(manifest)
        )
    fresh = report is None or report.manifest != manifest
    if fresh:
        progress = Progress("quality", 1, context.log.info)
        verdict, measures, plot = measure_source(database.database, source, space, provider)
        with database.database.bulk(source.tenant_id) as connection:
            store.save(
                connection, source.tenant_id, source.id, space.id, manifest=manifest, score=verdict.score,
                passed=verdict.passed, measures=measures.as_dict(),
                gates=[{name: getattr(g, name) for name in g.__dataclass_fields__} for g in verdict.gates],
                plot=plot,
            )  # fmt: skip
            report = store.latest(connection, source.id)
        progress.advance(1)
    if report is None:
        raise dg.Failure("The report was not stored.")
    with database.database.bulk(source.tenant_id) as connection:
        promoted = promotion.promote_if_ready(connection, source.tenant_id, space)
    metadata = report_metadata(report, fresh=fresh) | {"space/promoted": dg.MetadataValue.bool(promoted)}
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest))


def report_metadata(report: store.Report, *, fresh: bool) -> dict[str, dg.MetadataValue]:
    """What the UI shows of a report, the plot with it."""
    found: dict[str, dg.MetadataValue] = {
        "quality/score": dg.MetadataValue.float(report.score),
        "quality/passed": dg.MetadataValue.bool(report.passed),
        "quality/made_anew": dg.MetadataValue.bool(fresh),
        "vectors/count": dg.MetadataValue.int(report.measures["count"]),
        "vectors/dimensions": dg.MetadataValue.int(report.measures["dimensions"]),
        "vectors/zero": dg.MetadataValue.int(report.measures["zero"]),
        "vectors/duplicates": dg.MetadataValue.int(report.measures["duplicates"]),
        "gates": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "gate": gate["name"],
                        "passed": "not measured" if gate["passed"] is None else str(gate["passed"]).lower(),
                        "figures": gate["reason"],
                    }
                )
                for gate in report.gates
            ]
        ),
    }
    canary, titles = report.measures.get("canary"), report.measures.get("title_to_body")
    if canary:
        found["quality/canary_mean_cosine"] = dg.MetadataValue.float(canary["mean_cosine"])
    if titles:
        found["quality/title_to_body_mrr"] = dg.MetadataValue.float(titles["mrr"])
    if report.plot:
        picture = base64.b64encode(bytes(report.plot)).decode()
        found["plot"] = dg.MetadataValue.md(f"![vector quality](data:image/png;base64,{picture})")
    return found


def measure_source(
    database: Database, source: SourceRow, space: Space, provider: Embedder
) -> tuple[Verdict, QualityMeasures, bytes]:
    """Measure all vectors of a source and a sample of them, and judge."""
    rows = measure.RowMeasures(space.profile.dimensions)
    seed = "quality"
    with database.bulk(source.tenant_id) as connection:
        for _, vectors in store.stream_vectors(connection, source.id, space.id):
            rows.add(vectors)
        sample = store.sample(connection, source.id, space.id, SAMPLE, seed)
        pairs = store.title_body_pairs(connection, source.id, space.id, PAIRS, seed)
        covered = embeddings.coverage(connection, source.id, space.id)
    again = provider.embed(sample.texts[:CANARIES]).vectors
    titles = provider.embed([pair.title for pair in pairs]).vectors
    bodies = provider.embed([pair.text for pair in pairs]).vectors
    norms = rows.all_norms()
    shape = measure.shape(sample.vectors)
    own = measure.shape(sample.vectors[:CANARIES])
    renewed = measure.shape(again)
    measures = QualityMeasures(
        count=rows.count, dimensions=space.profile.dimensions, other_dimensions=rows.other_dimensions,
        zero=rows.zero, not_finite=rows.not_finite, duplicates=rows.duplicates,
        norm_mean=float(norms.mean()) if len(norms) else 0.0,
        norm_min=float(norms.min()) if len(norms) else 0.0,
        norm_max=float(norms.max()) if len(norms) else 0.0,
        coverage=covered.embedded / covered.chunks if covered.chunks else 1.0,
        shape=shape,
        canary=measure.canary(sample.vectors[: len(again)], again),
        title_to_body=measure.title_to_body(titles, np.stack([p.vector for p in pairs])) if pairs else None,
        title_to_body_fresh=measure.title_to_body(titles, bodies) if pairs else None,
        # The same few texts on both sides: a rank of 64 rows says nothing next to one of a thousand.
        effective_rank_fresh=(
            shape.effective_rank * renewed.effective_rank / own.effective_rank if shape and own and renewed else None
        ),
    )  # fmt: skip
    verdict = judge(measures)
    plot = quality_figure(
        source.key, verdict, norms, measure.nearest_cosines(sample.vectors),
        measure.projection(sample.vectors), sample.kinds,
    )  # fmt: skip
    return verdict, measures, plot
