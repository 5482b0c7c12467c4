"""A source's newest report: made anew when its vectors have changed, judged anew when its thresholds have."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.providers.runtime.embedder import Embedder
from precedent.quality import repository, samples, thresholds
from precedent.quality.measurement import measure_source
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.chart_data import ChartData
from precedent.quality.report.picture import quality_picture
from precedent.quality.repository import Point, Report
from precedent.quality.score import judge
from precedent.quality.verdicts import REPORT_VERSION, judge_again, verdict_of
from precedent.sources.repository import SourceRow
from precedent.vectors import index as vector_index
from precedent.vectors import repository as vectors
from precedent.vectors.repository import Coverage
from precedent.vectors.space import Space


@dataclass(frozen=True, slots=True)
class CurrentReport:
    """A source's newest report.

    Attributes:
        space: What it is about.
        report: As it is stored, its verdict under the thresholds of now.
        history: The last reports, the oldest first, this one the last.
        fresh: Whether it was made just now.
        picture: An SVG of it; None where the report kept nothing to draw.
    """

    space: Space
    report: Report
    history: Sequence[Point]
    fresh: bool
    picture: str | None


def current_report(database: Database, source: SourceRow, provider: Embedder) -> CurrentReport | None:
    """The report on a source's vectors as they are now; None while the source has no passages.

    Raises:
        PrecedentError: no endpoint embedded the canaries; what was not looked at is not judged.
        BudgetExhausted: the tenant's money is used up.
        NotFoundError: the source was removed meanwhile.
    """
    with database.bulk(source.tenant_id) as connection:
        space = samples.measured_space(connection, source.id, provider.profile)
        if space is None:
            return None
        count, digest = samples.digest(connection, source.id, space)
        covered = vectors.coverage(connection, source.id, space.id)
        index = "hnsw" if vector_index.exists(connection, space.id) else "exact"
        before = repository.latest(connection, source.id)
    configured = hashlib.sha256(repr(provider.profile).encode()).hexdigest()[:8]
    manifest = f"{REPORT_VERSION}:{space.id}:{configured}:{index}:{covered.embedded}/{covered.chunks}:{digest}"
    fresh = before is None or before.manifest != manifest
    if fresh:
        _make(database, source, space, provider, manifest, count, covered)
    with database.bulk(source.tenant_id) as connection:
        judge_again(connection, source.id)
        report = repository.latest(connection, source.id)
        history = repository.history(connection, source.id)
        limits = thresholds.for_source(connection, source.id).thresholds
    if report is None:
        raise NotFoundError(f"The report on {source.key} was not stored: the source was removed meanwhile.")
    data = ChartData.from_dict(report.figures)
    picture = data and quality_picture(
        source.key, verdict_of(report, limits), QualityMeasures.from_dict(report.measures), data, history
    )
    return CurrentReport(space, report, history, fresh, picture)


def _make(
    database: Database,
    source: SourceRow,
    space: Space,
    provider: Embedder,
    manifest: str,
    count: int,
    covered: Coverage,
) -> None:
    """Measure, judge and store."""
    found = measure_source(database, source, space, provider, count=count, covered=covered, seed=manifest)
    with database.bulk(source.tenant_id) as connection:
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
