"""`reports/vector_quality`: how good a source's vectors are."""

import hashlib
import time

import dagster as dg

from assets.partitions import backfill_policy, source_partitions
from assets.row_metadata import OWNERS, picture
from precedent.database.session import Database
from precedent.progress import Progress
from precedent.providers.runtime.embedder import Embedder
from precedent.quality import repository as store
from precedent.quality import samples
from precedent.quality.figures import Figures
from precedent.quality.measurement import measure_source
from precedent.quality.plots import quality_figure
from precedent.quality.repository import Point, Report
from precedent.quality.score import judge
from precedent.quality.trend import trend
from precedent.quality.verdicts import REPORT_VERSION, judge_again, limits_of, verdict_of
from precedent.sources.repository import SourceRow
from precedent.vectors import index as vector_index
from precedent.vectors import promotion
from precedent.vectors import writing as embeddings
from precedent.vectors.space import Space
from precedent.vectors.writing import Coverage
from resources.platform import DatabaseResource, EmbedderResource, as_failure


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

    Counts dimensions, zero vectors, norms and duplicates; embeds a sample again (canary), lets titles find their own
    bodies, compares the index with exact search, documents with their passages and the space with the configured
    model. Made anew only when the vectors have changed; judged anew when the thresholds have.
    """
    began = time.monotonic()
    source = database.source(context.partition_key)
    provider = embedder.of(context, database.database, source)
    with database.database.bulk(source.tenant_id) as connection:
        space = samples.measured_space(connection, source.id, provider.profile)
        if space is None:
            return dg.MaterializeResult(
                metadata={"vectors/count": 0, "quality/judged": False},
                data_version=dg.DataVersion(f"{REPORT_VERSION}:nothing"),
            )
        count, digest = samples.digest(connection, source.id, space)
        covered = embeddings.coverage(connection, source.id, space.id)
        index = "hnsw" if vector_index.exists(connection, space.id) else "exact"
        report = store.latest(connection, source.id)
    configured = hashlib.sha256(repr(provider.profile).encode()).hexdigest()[:8]
    manifest = f"{REPORT_VERSION}:{space.id}:{configured}:{index}:{covered.embedded}/{covered.chunks}:{digest}"
    fresh = report is None or report.manifest != manifest
    if fresh:
        progress = Progress("quality", 1, context.log.info)
        with as_failure():
            make_report(database.database, source, space, provider, manifest, count, covered)
        progress.advance(1)
    report, history = _stored(database.database, source)
    metadata = report_metadata(report, history, fresh=fresh)
    if fresh:
        served = provider.served()
        metadata["cost/usd"] = dg.MetadataValue.float(float(served.cost or 0))
        metadata["provider/calls"] = dg.MetadataValue.int(sum(served.by.values()))
    metadata["report/seconds"] = dg.MetadataValue.float(round(time.monotonic() - began, 3))
    with database.database.bulk(source.tenant_id) as connection:
        promoted = promotion.promote_if_ready(connection, source.tenant_id, space)
    metadata["space/promoted"] = dg.MetadataValue.bool(promoted)
    metadata["space/id"] = dg.MetadataValue.int(space.id)
    metadata["space/status"] = dg.MetadataValue.text(space.status)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest))


def make_report(
    database: Database, source: SourceRow, space: Space, provider: Embedder, manifest: str, count: int,
    covered: Coverage,
) -> None:  # fmt: skip
    """Measure, judge, draw and store.

    Raises:
        PrecedentError: no endpoint embedded the canaries; what was not looked at is not judged.
        BudgetExhausted: the tenant's money is used up.
    """
    found = measure_source(database, source, space, provider, count=count, covered=covered, seed=manifest)
    with database.bulk(source.tenant_id) as connection:
        verdict = judge(found.measures, limits_of(connection, source.id))
        store.save(
            connection, source.tenant_id, source.id, space.id, manifest=manifest, score=verdict.score,
            passed=verdict.passed, measures=found.measures.as_dict(), gates=[gate.as_dict() for gate in verdict.gates],
            figures=found.figures.as_dict(), sample=found.kept,
        )  # fmt: skip


def _stored(database: Database, source: SourceRow) -> tuple[Report, list[Point]]:
    """The newest report under the thresholds of now, with its plot, and those before it."""
    with database.bulk(source.tenant_id) as connection:
        judge_again(connection, source.id)
        report = store.latest(connection, source.id)
        if report is None:
            raise dg.Failure("The report was not stored: another run removed the source meanwhile.")
        history = store.history(connection, source.id)
        figures = Figures.from_dict(report.figures)
        if report.plot is None and figures is not None:
            verdict = verdict_of(report, limits_of(connection, source.id))
            store.keep_plot(connection, report.id, quality_figure(source.key, verdict, figures, history))
            report = store.latest(connection, source.id) or report
    return report, history


def report_metadata(report: Report, history: list[Point], *, fresh: bool) -> dict[str, dg.MetadataValue]:
    """What the UI shows of a report: figures by name, differences to the previous one, the gates and the plot."""
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
    if report.plot:
        found["plot"] = picture("vector quality", bytes(report.plot))
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
