"""The picture is an SVG small enough for the UI's metadata, however little there is to draw."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from precedent.quality.report.chart_data import BINS, ChartData
from precedent.quality.report.charts import BOTTOM, LEFT, TOP, WIDTH, charts_of, line
from precedent.quality.report.picture import quality_picture
from tests.unit.quality.sample_report import content, drawn


@pytest.mark.parametrize(("count", "reports"), [(0, 1), (1, 1), (2, 2), (1_000, 30)])
def test_a_small_picture(count: int, reports: int) -> None:
    found = replace(content(reports=reports), key="demo/issues", data=drawn(count))
    picture = quality_picture(found)
    root = ElementTree.fromstring(picture)  # noqa: S314 - our own
    words = [text for element in root.iter() if (text := (element.text or "").strip())]
    assert root.tag.endswith("svg")
    assert {"demo/issues", "Norms", "Nearest neighbours", "Two principal components"} <= {*words}
    assert ("nothing to show" in words) == (count < 2)
    assert len(picture) < 60_000


def test_every_point_is_drawn_and_every_count_has_its_bar() -> None:
    data = drawn(300)
    norms, _, components = charts_of(data)
    assert len(re.findall(r"M[\d.]+ [\d.]+h0", components)) == 300
    assert re.findall(r": ([\d,]+)</title>", norms) == [f"{count:,}" for count in data.norms.counts if count]
    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', norms)
    for x, y, width, height in [map(float, bar) for bar in bars]:
        assert LEFT - 0.1 <= x <= x + width <= WIDTH
        assert TOP - 0.1 <= y <= y + height <= BOTTOM + 0.1


def test_what_was_not_measured_is_a_gap_in_the_line() -> None:
    found = line("recall", [1.0, 0.9, None, 0.8, 0.7, None, 1.0], [f"day {day}" for day in range(7)], str, 0.05)
    assert [run.count(",") for run in re.findall(r'points="([^"]+)"', found)] == [2, 2]
    assert re.findall(r"<title>([^<]+)", found) == [
        "day 0: 1.0",
        "day 1: 0.9",
        "day 3: 0.8",
        "day 4: 0.7",
        "day 6: 1.0",
    ]


def test_the_words_of_a_chart_are_text() -> None:
    assert "<script>" not in line("<script>", [1.0], ["<b>"], str, 1)


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
