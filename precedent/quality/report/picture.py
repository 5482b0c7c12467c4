"""One picture of a report, for the Dagster UI: an SVG with the figures and charts of its page."""

from precedent.quality.report.charts import charts_of
from precedent.quality.report.environment import environment
from precedent.quality.report.tiles import tiles_of
from precedent.quality.source_report import SourceReport


def quality_picture(found: SourceReport) -> str:
    """The SVG, light or dark as the reader's system is."""
    return (
        environment()
        .get_template("picture.svg")
        .render(
            key=found.key,
            verdict=found.verdict,
            tiles=tiles_of(found.history),
            charts=charts_of(found.data) if found.data else [],
        )
    )
