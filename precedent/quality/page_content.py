"""What the page of a source's newest quality report shows, read from the database."""

from precedent.database.session import Database
from precedent.errors import NotFoundError
from precedent.quality import repository as reports
from precedent.quality import samples
from precedent.quality import threshold_rows as thresholds
from precedent.quality.figures import Figures
from precedent.quality.page import PageContent
from precedent.quality.report import QualityMeasures
from precedent.quality.thresholds import names, origin
from precedent.quality.verdicts import limits_of, verdict_of
from precedent.sources import repository as sources
from precedent.vectors import space as spaces


def page_content(database: Database, key: str) -> PageContent:
    """The newest report of a source, under the thresholds that hold now.

    Raises:
        NotFoundError: there is no such source, or it has no report.
    """
    source = sources.find(database, key)
    with database.bulk(source.tenant_id) as connection:
        report = reports.latest(connection, source.id)
        if report is None:
            raise NotFoundError(f"{source.key} has no quality report yet: `precedent refresh {source.key}` makes one.")
        space = spaces.by_id(connection, report.space_id)
        layers = thresholds.read(connection, source.id)
        _, digest = samples.digest(connection, source.id, space)
        return PageContent(
            key=source.key,
            report=report,
            verdict=verdict_of(report, limits_of(connection, source.id)),
            measures=QualityMeasures.from_dict(report.measures),
            figures=Figures.from_dict(report.figures),
            history=reports.history(connection, source.id),
            origins={name: origin(name, layers.tenant, layers.source) for name in names()},
            space=space,
            up_to_date=report.manifest.rsplit(":", 1)[-1] == digest,
        )
