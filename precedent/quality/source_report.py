"""A source's newest report with all that is shown of it; made anew when the vectors have changed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.providers.runtime.embedder import Embedder
from precedent.quality import answers, repository, samples, thresholds
from precedent.quality.measurement import measure_source
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.chart_data import ChartData
from precedent.quality.repository import Point, Report
from precedent.quality.score import Verdict, judge
from precedent.quality.thresholds import NAMES, Origin
from precedent.quality.verdicts import REPORT_VERSION, judge_again, verdict_of
from precedent.sources.repository import SourceRow
from precedent.vectors import index as vector_index
from precedent.vectors import repository as vectors
from precedent.vectors import space as spaces
from precedent.vectors.space import Space


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The newest report on a source.

    Attributes:
        key: `tenant/source`.
        report: As it is stored.
        verdict: Under the thresholds that hold now.
        measures: Its figures.
        data: What the charts are drawn from; None of a report that kept nothing.
        history: The last reports, the oldest first, this one the last.
        origins: Who set each threshold, by its name.
        space: Where the vectors are.
        up_to_date: Whether the vectors are still those that were measured.
    """

    key: str
    report: Report
    verdict: Verdict
    measures: QualityMeasures
    data: ChartData | None
    history: Sequence[Point]
    origins: Mapping[str, Origin]
    space: Space
    up_to_date: bool


def read(database: Database, source: SourceRow) -> SourceReport:
    """The newest report on a source.

    Raises:
        NotFoundError: there is none yet.
    """
    with database.bulk(source.tenant_id) as connection:
        report = repository.latest(connection, source.id)
        if report is None:
            raise NotFoundError(f"{source.key} has no quality report yet: `precedent refresh {source.key}` makes one.")
        space = spaces.get(connection, report.space_id)
        layers = thresholds.for_source(connection, source.id)
        _, digest = samples.digest(connection, source.id, space)
        return SourceReport(
            key=source.key,
            report=report,
            verdict=verdict_of(report, layers.thresholds),
            measures=QualityMeasures.from_dict(report.measures),
            data=ChartData.from_dict(report.figures),
            history=repository.history(connection, source.id),
            origins={name: layers.origin(name) for name in NAMES},
            space=space,
            up_to_date=report.manifest.rsplit(":", 1)[-1] == digest,
        )


def refresh(database: Database, source: SourceRow, provider: Embedder) -> bool | None:
    """Bring a source's report to its vectors and thresholds of now.

    Returns:
        Whether it was made anew; None while the source has no passages, so that there is nothing to report on.

    Raises:
        PrecedentError: no endpoint embedded the canaries; what was not looked at is not judged.
        BudgetExhausted: the tenant's money is used up.
    """
    with database.bulk(source.tenant_id) as connection:
        space = spaces.to_serve(connection, source.id, provider.profile)
        if space is None:
            return None
        count, digest = samples.digest(connection, source.id, space)
        covered = vectors.coverage(connection, source.id, space.id)
        index = "hnsw" if vector_index.exists(connection, space.id) else "exact"
        before = repository.latest(connection, source.id)
    configured = hashlib.sha256(repr(provider.profile).encode()).hexdigest()[:8]
    made_by = f"{configured}/{provider.primary.provider.fingerprint}"
    manifest = f"{REPORT_VERSION}:{space.id}:{configured}:{index}:{covered.embedded}/{covered.chunks}:{digest}"
    fresh = before is None or before.manifest != manifest
    found = (
        measure_source(database, source, space, provider, count=count, covered=covered, seed=manifest, made_by=made_by)
        if fresh
        else None
    )
    with database.bulk(source.tenant_id) as connection:
        if found is not None:
            verdict = judge(found.measures, thresholds.for_source(connection, source.id).thresholds)
            repository.save(
                connection,
                source.tenant_id,
                source.id,
                space.id,
                manifest=manifest,
                score=verdict.score,
                passed=verdict.passed,
                measures=found.measures.as_dict(),
                gates=[gate.as_dict() for gate in verdict.gates],
                chart_data=found.chart_data.as_dict(),
                sample=found.kept,
            )
            answers.save(
                connection,
                source.tenant_id,
                source.id,
                space.id,
                made_by,
                used=found.used,
                fresh=found.fresh,
                canaries=found.canaries,
            )
        judge_again(connection, source.id)
    return fresh
