"""`reports/vector_quality`: how good a source's vectors are."""

import time
from collections.abc import Sequence

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.row_metadata import OWNERS, picture
from precedent.progress import Progress
from precedent.quality import source_report
from precedent.quality.report.picture import quality_picture
from precedent.quality.repository import Point, Report
from precedent.quality.trend import trend
from precedent.quality.verdicts import REPORT_VERSION
from precedent.vectors import promotion
from resources.platform import DatabaseResource, EmbedderResource, as_failure


@dg.asset(
    key=["reports", "vector_quality"],
    deps=[dg.AssetKey(["vectors", "embeddings"])],
    group_name="reports",
    kinds={"postgres", "numpy"},
    owners=OWNERS,
    code_version=REPORT_VERSION,
    partitions_def=source_partitions,
    backfill_policy=backfill_policy,
)
def vector_quality(
    context: dg.AssetExecutionContext, database: DatabaseResource, embedder: EmbedderResource
) -> dg.MaterializeResult[None]:
    """How good a source's vectors are: their rows, their shape, and whether they belong to their texts.

    Counts dimensions, zero vectors, norms and duplicates; embeds a sample again (canary), lets titles find their own
    bodies, compares the index with exact search, documents with their passages and the space with the configured
    model. Made anew only when the vectors have changed; judged anew when the thresholds have.
    """
    began = time.monotonic()
    source = database.source(context.partition_key)
    provider = embedder.of(context, database.database, source)
    progress = Progress("quality", 1, context.log.info)
    with as_failure():
        fresh = source_report.refresh(database.database, source, provider)
        if fresh is None:
            return dg.MaterializeResult(
                metadata={"vectors/count": 0, "quality/judged": False},
                data_version=dg.DataVersion(f"{REPORT_VERSION}:nothing"),
            )
        found = source_report.read(database.database, source)
    metadata = report_metadata(found.report, found.history, fresh=fresh)
    metadata["plot"] = picture("vector quality", quality_picture(found).encode(), "svg+xml")
    if fresh:
        progress.advance(1)
        served = provider.served()
        metadata["cost/usd"] = dg.MetadataValue.float(float(served.cost or 0))
        metadata["provider/calls"] = dg.MetadataValue.int(sum(served.by.values()))
    metadata["report/seconds"] = dg.MetadataValue.float(round(time.monotonic() - began, 3))
    with database.database.bulk(source.tenant_id) as connection:
        promoted = promotion.promote_if_ready(connection, source.tenant_id, found.space)
    metadata["space/promoted"] = dg.MetadataValue.bool(promoted)
    metadata["space/id"] = dg.MetadataValue.int(found.space.id)
    metadata["space/status"] = dg.MetadataValue.text(found.space.status)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(found.report.manifest))


def report_metadata(report: Report, history: Sequence[Point], *, fresh: bool) -> dict[str, dg.MetadataValue]:
    """What the UI shows of a report: figures by name, differences to the previous one, the gates."""
    measures = report.measures
    found: dict[str, dg.MetadataValue] = {
        "quality/score": dg.MetadataValue.float(report.score),
        "quality/passed": dg.MetadataValue.bool(report.passed),
        "quality/made_anew": dg.MetadataValue.bool(fresh),
        "quality/failed_gates": dg.MetadataValue.text(
            ", ".join(gate["name"] for gate in report.gates if gate["passed"] is False) or "none"
        ),
        "vectors/count": dg.MetadataValue.int(measures["count"]),
        "vectors/dimensions": dg.MetadataValue.int(measures["dimensions"]),
        "vectors/zero": dg.MetadataValue.int(measures["zero"]),
        "vectors/duplicates": dg.MetadataValue.int(measures["duplicates"]),
        "gates": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "gate": gate["name"],
                        "passed": "not measured" if gate["passed"] is None else str(gate["passed"]).lower(),
                        "blocks": str(gate["blocking"]).lower(),
                        "figures": gate["reason"],
                    }
                )
                for gate in report.gates
            ]
        ),
    }
    for name, path in SHOWN.items():
        part = measures.get(path[0])
        if part is not None:
            found[name] = dg.MetadataValue.float(float(part[path[1]] if len(path) > 1 else part))
    change = trend(history)
    if change is not None:
        found["trend/since"] = dg.MetadataValue.text(change.since.isoformat(timespec="seconds"))
        found["trend/same_space"] = dg.MetadataValue.bool(change.same_space)
        for name in ("score", "count", "canary_mean", "mrr", "recall"):
            value = getattr(change, name)
            if value is not None:
                found[f"trend/{name}"] = dg.MetadataValue.float(round(float(value), 6))
    return found


SHOWN = {
    "quality/canary_mean_cosine": ("canary", "mean_cosine"),
    "quality/canary_below_099": ("canary", "below"),
    "quality/title_to_body_mrr": ("title_to_body", "mrr"),
    "quality/recall_at_10": ("recall", "recall"),
    "quality/tokens_cut": ("text_loss", "cut"),
    "quality/tokens_lost": ("text_loss", "lost"),
    "shape/mean_cosine": ("shape", "mean_cosine"),
    "shape/effective_rank": ("shape", "effective_rank"),
    "shape/participation_ratio": ("shape", "participation_ratio"),
    "shape/top_variance_share": ("shape", "top_variance_share"),
    "shape/hubness_skew": ("shape", "hubness_skew"),
    "drift/mmd2": ("drift", "mmd2"),
    "drift/p_value": ("drift", "p_value"),
    "report/embedded_again": ("embedded_again",),
    "report/measuring_s": ("seconds",),
}
