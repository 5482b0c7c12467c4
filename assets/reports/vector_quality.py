"""`reports/vector_quality`: how good a source's vectors are."""

import time
from collections.abc import Sequence

import dagster as dg

from assets.definition import source_asset
from assets.row_metadata import Metadata, picture
from assets.spending import spent
from precedent.progress import Progress
from precedent.quality import source_report
from precedent.quality.report.picture import quality_picture
from precedent.quality.repository import Point, Report
from precedent.quality.trend import trend
from precedent.quality.verdicts import REPORT_VERSION
from precedent.vectors import promotion
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.failure import as_failure

# Metadata by the place of the figure in the stored measures.
FIGURES = {
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
TREND = ("score", "count", "canary_mean", "mrr", "recall")


@source_asset(
    "reports/vector_quality",
    deps=["vectors/embeddings"],
    kinds=("postgres", "numpy"),
    code_version=REPORT_VERSION,
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
    provider = embedder.for_source(context, database.database, source)
    progress = Progress("quality", 1, context.log.info)
    with as_failure(lambda: spent(context, database, source)):
        fresh = source_report.refresh(database.database, source, provider)
        if fresh is None:
            return dg.MaterializeResult(
                metadata={"vectors/count": 0, "quality/judged": False},
                data_version=dg.DataVersion(f"{REPORT_VERSION}:nothing"),
            )
        found = source_report.read(database.database, source)
    progress.advance(1)
    with database.connection(source) as connection:
        promoted = promotion.promote_if_ready(connection, source.tenant_id, found.space)
    metadata = report_metadata(found.report, found.history) | {
        "quality/made_anew": fresh,
        "space/id": found.space.id,
        "space/status": found.space.status,
        "space/promoted": promoted,
        "report/seconds": round(time.monotonic() - began, 3),
        "plot": picture("vector quality", quality_picture(found).encode(), "svg+xml"),
    }
    if fresh:
        metadata |= {"provider/calls": sum(provider.served().by.values())} | spent(context, database, source)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(found.report.manifest))


def report_metadata(report: Report, history: Sequence[Point]) -> Metadata:
    """What the UI shows of a report: figures by name, differences to the previous one, the gates."""
    measures = report.measures
    found: Metadata = {
        "quality/score": report.score,
        "quality/passed": report.passed,
        "quality/failed_gates": ", ".join(gate["name"] for gate in report.gates if gate["passed"] is False) or "none",
        "gates": _gates(report),
        **{f"vectors/{name}": measures[name] for name in ("count", "dimensions", "zero", "duplicates")},
    }
    for name, path in FIGURES.items():
        part = measures.get(path[0])
        if part is not None:
            found[name] = float(part[path[1]] if len(path) > 1 else part)
    change = trend(history)
    if change is not None:
        found |= {"trend/since": change.since.isoformat(timespec="seconds"), "trend/same_space": change.same_space}
        differences = {name: getattr(change, name) for name in TREND}
        found |= {f"trend/{name}": round(float(value), 6) for name, value in differences.items() if value is not None}
    return found


def _gates(report: Report) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
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
    )
