"""The picture is an SVG small enough for the UI's metadata, however little there is to draw."""

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from precedent.quality import measures as measure
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.chart_data import BINS, ChartData
from precedent.quality.report.charts import BOTTOM, LEFT, TOP, WIDTH, charts_of, line
from precedent.quality.report.picture import quality_picture
from precedent.quality.repository import Point
from precedent.quality.score import judge

KINDS = ("issue", "pull_request", "commit", "incident")


def points(count: int) -> list[Point]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Point(start + timedelta(days=day), 1, 100.0 - day, True, 1_000 + day, None if day == 3 else 1.0, 0.7, 1.0)
        for day in range(count)
    ]


def drawn(count: int) -> ChartData:
    vectors = measure.normalised(np.random.default_rng(1).normal(size=(count, 32)).astype(np.float32))
    rows = measure.RowMeasures(32)
    rows.add(vectors)
    return ChartData.of(rows.all_norms(), vectors, [KINDS[row % 4] for row in range(count)])


@pytest.mark.parametrize(("count", "reports"), [(0, 0), (1, 1), (2, 2), (1_000, 30)])
def test_a_small_picture(count: int, reports: int) -> None:
    measures = QualityMeasures(count, 32, 0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0)
    picture = quality_picture("demo/issues", judge(measures), measures, drawn(count), points(reports))
    root = ElementTree.fromstring(picture)  # noqa: S314 - our own
    words = [text for element in root.iter() if (text := (element.text or "").strip())]
    assert root.tag.endswith("svg")
    assert {"demo/issues", "Norms", "Nearest neighbours", "Two principal components"} <= {*words}
    assert ("nothing to show" in words) == (count < 2)
    assert len(picture) < 60_000


def test_every_point_is_drawn_and_every_count_has_its_bar() -> None:
    data = drawn(300)
    norms, _, components = charts_of(data)
    assert sum(series.path.count("M") for series in components.series) == 300
    assert [bar.tip.rsplit(" ", 1)[1] for bar in norms.bars] == [f"{count:,}" for count in data.norms.counts if count]
    for bar in norms.bars:
        assert LEFT <= bar.x <= bar.x + bar.width <= WIDTH
        assert TOP - 0.01 <= bar.y <= bar.y + bar.height <= BOTTOM + 0.01


def test_what_was_not_measured_is_a_gap_in_the_line() -> None:
    found = line("recall", [1.0, 0.9, None, 0.8, 0.7, None, 1.0], [f"day {day}" for day in range(7)], str, 0.05)
    assert [run.count(",") for run in found.runs] == [2, 2]
    assert [dot.tip for dot in found.dots] == ["day 0: 1.0", "day 1: 0.9", "day 3: 0.8", "day 4: 0.7", "day 6: 1.0"]


@pytest.mark.parametrize("count", [0, 1, 300])
def test_figures_count_every_vector_and_survive_storage(count: int) -> None:
    found = drawn(count)
    assert found.norms.total == count
    assert found.neighbours.total == (count if count > 1 else 0)
    assert len(found.norms.counts) == BINS
    assert len(found.points) == len(found.kinds) == count
    assert ChartData.from_dict(found.as_dict()) == found


def test_a_report_that_kept_no_figures_has_none() -> None:
    assert ChartData.from_dict({}) is None
