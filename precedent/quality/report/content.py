"""What the page of a report shows, read from the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.quality import repository, samples, thresholds
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.chart_data import ChartData
from precedent.quality.repository import Point, Report
from precedent.quality.score import Verdict
from precedent.quality.thresholds import NAMES, Origin
from precedent.quality.verdicts import verdict_of
from precedent.sources.repository import SourceRow
from precedent.vectors import space as spaces
from precedent.vectors.space import Space


@dataclass(frozen=True, slots=True)
class PageContent:
    """What a page shows.

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


def page_content(database: Database, source: SourceRow) -> PageContent:
    """The newest report on a source, with the verdict of now and the reports before it.

    Raises:
        NotFoundError: there is no report yet.
    """
    with database.bulk(source.tenant_id) as connection:
        report = repository.latest(connection, source.id)
        if report is None:
            raise NotFoundError(f"{source.key} has no quality report yet: `precedent refresh {source.key}` makes one.")
        space = spaces.get(connection, report.space_id)
        layers = thresholds.for_source(connection, source.id)
        _, digest = samples.digest(connection, source.id, space)
        return PageContent(
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
