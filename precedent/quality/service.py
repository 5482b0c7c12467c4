"""A source's quality report: what it would be made from now, making it, and the newest one under today's thresholds."""

import hashlib
from dataclasses import dataclass
from typing import Any

import psycopg

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.providers.runtime.embedder import Embedder
from precedent.quality import repository as reports
from precedent.quality import samples
from precedent.quality.figures import Figures
from precedent.quality.measurement import measure_source
from precedent.quality.plots import quality_figure
from precedent.quality.repository import Point, Report
from precedent.quality.score import judge
from precedent.quality.verdicts import REPORT_VERSION, judge_again, limits_of, verdict_of
from precedent.sources.repository import SourceRow
from precedent.vectors import index as vector_index
from precedent.vectors import writing as embeddings
from precedent.vectors.space import Space, SpaceProfile
from precedent.vectors.writing import Coverage


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report on a source looks at.

    Attributes:
        space: The space whose vectors are measured.
        count: How many vectors of the source are in it.
        covered: How many of the source's passages have their vector.
        manifest: Changes when a new report would measure something else.
    """

    space: Space
    count: int
    covered: Coverage
    manifest: str


def subject(connection: "psycopg.Connection[Any]", source: SourceRow, configured: SpaceProfile) -> Subject | None:
    """What a report on a source would look at now; None while the source has no passages.

    Args:
        connection: Bound to the source's tenant.
        source: The source.
        configured: The model that the tenant's provider embeds with.
    """
    space = samples.measured_space(connection, source.id, configured)
    if space is None:
        return None
    count, digest = samples.digest(connection, source.id, space)
    covered = embeddings.coverage(connection, source.id, space.id)
    index = "hnsw" if vector_index.exists(connection, space.id) else "exact"
    model = hashlib.sha256(repr(configured).encode()).hexdigest()[:8]
    manifest = f"{REPORT_VERSION}:{space.id}:{model}:{index}:{covered.embedded}/{covered.chunks}:{digest}"
    return Subject(space, count, covered, manifest)


def make_report(
    database: Database,
    source: SourceRow,
    space: Space,
    provider: Embedder,
    manifest: str,
    count: int,
    covered: Coverage,
) -> None:
    """Measure, judge and store.

    Args:
        database: The platform's.
        source: Whose vectors.
        space: Where they are.
        provider: The configured model, which embeds samples again.
        manifest: Stored with the report, to know later whether it is up to date.
        count: How many vectors the source has in the space.
        covered: How many of its passages have their vector.

    Raises:
        PrecedentError: no endpoint embedded the canaries; what was not looked at is not judged.
        BudgetExhausted: the tenant's money is used up.
    """
    found = measure_source(database, source, space, provider, count=count, covered=covered, seed=manifest)
    with database.bulk(source.tenant_id) as connection:
        verdict = judge(found.measures, limits_of(connection, source.id))
        reports.save(
            connection,
            source.tenant_id,
            source.id,
            space.id,
            manifest=manifest,
            score=verdict.score,
            passed=verdict.passed,
            measures=found.measures.as_dict(),
            gates=[gate.as_dict() for gate in verdict.gates],
            figures=found.figures.as_dict(),
            sample=found.kept,
        )


def current_report(connection: "psycopg.Connection[Any]", source: SourceRow) -> tuple[Report, list[Point]]:
    """The newest report under the thresholds that hold now, with its plot, and the reports before it.

    Raises:
        NotFoundError: there is no report.
    """
    judge_again(connection, source.id)
    report = reports.latest(connection, source.id)
    if report is None:
        raise NotFoundError(f"{source.key} has no quality report: the source was removed meanwhile.")
    history = reports.history(connection, source.id)
    figures = Figures.from_dict(report.figures)
    if report.plot is None and figures is not None:
        verdict = verdict_of(report, limits_of(connection, source.id))
        reports.keep_plot(connection, report.id, quality_figure(source.key, verdict, figures, history))
        report = reports.latest(connection, source.id) or report
    return report, history
