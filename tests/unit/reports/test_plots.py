"""The picture is a PNG small enough for the UI's metadata, however little there is to draw."""

import struct

import numpy as np
import pytest

from assets.reports import measures as measure
from assets.reports.plots import quality_figure
from assets.reports.score import QualityMeasures, judge

KINDS = ("issue", "pull_request", "commit", "incident")


@pytest.mark.parametrize("count", [0, 1, 2, 1_000])
def test_a_small_picture(count: int) -> None:
    vectors = measure.normalised(np.random.default_rng(1).normal(size=(count, 32)).astype(np.float32))
    rows = measure.RowMeasures(32)
    rows.add(vectors)
    verdict = judge(QualityMeasures(count, 32, 0, 0, 0, 0, 1.0, 1.0, 1.0, 1.0, measure.shape(vectors)))
    kinds = [KINDS[row % 4] for row in range(count)]
    picture = quality_figure(
        "demo/issues", verdict, rows.all_norms(), measure.nearest_cosines(vectors), measure.projection(vectors), kinds
    )
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert width > height > 400
    assert len(picture) < 150_000
