"""A report of made-up figures, for the tests of what is shown of it."""

from datetime import UTC, datetime, timedelta

import numpy as np

from precedent.quality import measures as measure
from precedent.quality.measures import Canary
from precedent.quality.measures.drift import Drift
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.report.chart_data import ChartData
from precedent.quality.repository import Point, Report
from precedent.quality.score import judge
from precedent.quality.source_report import SourceReport
from precedent.quality.thresholds import NAMES
from precedent.vectors.space import Space, SpaceProfile

MEASURES = QualityMeasures(
    count=300,
    dimensions=32,
    other_dimensions=0,
    zero=0,
    not_finite=0,
    duplicates=0,
    norm_mean=1.0,
    norm_min=1.0,
    norm_max=1.0,
    coverage=1.0,
    canary=Canary(64, 1.0, 1.0, 0.0),
    drift=Drift(20, 200, 0.2, 0.01, 0.002),
)
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


def content(measures: QualityMeasures = MEASURES, reports: int = 5, key: str = "acme/issues") -> SourceReport:
    verdict = judge(measures)
    history = points(reports)
    profile = SpaceProfile("local", "a<b>model", "5&6", 32, "float32", "title+passage", "cut")
    report = Report(
        1,
        7,
        "3:7:abc",
        verdict.score,
        verdict.passed,
        measures.as_dict(),
        [gate.as_dict() for gate in verdict.gates],
        history[-1].at,
        {},
    )
    return SourceReport(
        key,
        report,
        verdict,
        measures,
        drawn(300),
        history,
        dict.fromkeys(NAMES, "tenant"),
        Space(7, "active", profile, {}),
        True,
    )
