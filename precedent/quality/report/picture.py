"""One picture of a report, for the Dagster UI: an SVG with the figures and charts of its page."""

from collections.abc import Sequence

from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.chart_data import ChartData
from precedent.quality.report.charts import charts_of
from precedent.quality.report.environment import environment
from precedent.quality.report.tiles import tiles_of
from precedent.quality.repository import Point
from precedent.quality.score import Verdict


def quality_picture(
    key: str, verdict: Verdict, measures: QualityMeasures, data: ChartData | None, history: Sequence[Point]
) -> str:
    """The SVG, light or dark as the reader's system is.

    Args:
        key: `tenant/source`.
        verdict: Under the thresholds that hold now.
        measures: The report's figures.
        data: What the charts are drawn from; None of a report that kept nothing.
        history: The last reports, the oldest first, this one the last.
    """
    return (
        environment()
        .get_template("picture.svg")
        .render(
            key=key,
            verdict=verdict,
            summary=verdict.summary,
            tiles=tiles_of(verdict, measures, history),
            charts=charts_of(data) if data else (),
        )
    )
