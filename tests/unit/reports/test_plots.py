"""The picture is a PNG small enough for the UI's metadata, however little there is to draw."""

import struct
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from precedent.quality import measures as measure
from precedent.quality.figures import BINS, Figures
from precedent.quality.plots import quality_figure
from precedent.quality.repository import Point
from precedent.quality.score import QualityMeasures, judge

KINDS = ("issue", "pull_request", "commit", "incident")


def points(count: int) -> list[Point]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Point(start + timedelta(days=day), 1, 100.0 - day, True, 1_000 + day, None if day == 3 else 1.0, 0.7, 1.0)
        for day in range(count)
    ]


def drawn(count: int) -> Figures:
    vectors = measure.normalised(np.random.default_rng(1).normal(size=(count, 32)).astype(np.float32))
    rows = measure.RowMeasures(32)
    rows.add(vectors)
    return Figures.of(rows.all_norms(), vectors, [KINDS[row % 4] for row in range(count)])


@pytest.mark.parametrize(("count", "reports"), [(0, 0), (1, 1), (2, 2), (1_000, 30)])
def test_a_small_picture(count: int, reports: int) -> None:
    verdict = judge(QualityMeasures(count, 32, 0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0))
    picture = quality_figure("demo/issues", verdict, drawn(count), points(reports))
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert width > height > 400
    assert len(picture) < 150_000


@pytest.mark.parametrize("count", [0, 1, 300])
def test_figures_count_every_vector_and_survive_storage(count: int) -> None:
    found = drawn(count)
    assert found.norms.total == count
    assert found.neighbours.total == (count if count > 1 else 0)
    assert len(found.norms.counts) == BINS
    assert len(found.points) == len(found.kinds) == count
    assert Figures.from_dict(found.as_dict()) == found


def test_a_report_that_kept_no_figures_has_none() -> None:
    assert Figures.from_dict({}) is None
