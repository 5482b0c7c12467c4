"""A report's verdict under the thresholds that hold now: it needs the measures, not the vectors."""

from typing import Any

import psycopg

from precedent.quality import repository as reports
from precedent.quality import thresholds
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.repository import Report
from precedent.quality.score import Verdict, judge
from precedent.quality.thresholds import Thresholds

# Raise it when the same vectors would be measured or judged in another way.
REPORT_VERSION = "4"


def verdict_of(report: Report, limits: Thresholds) -> Verdict:
    """The verdict on what a report measured; of an earlier release's report the one that it was stored with."""
    if report.manifest.split(":", 1)[0] != REPORT_VERSION:
        return Verdict.stored(report.score, report.passed, list(report.gates))
    return judge(QualityMeasures.from_dict(report.measures), limits)


def judge_again(connection: "psycopg.Connection[Any]", source_id: int) -> list[tuple[Report, Verdict]]:
    """Bring a source's newest reports, one a space, to the thresholds that hold now.

    Search takes a space into use by what its reports say, so that a stored verdict must not be behind its thresholds.

    Returns:
        The reports whose verdict is another now, with that verdict.
    """
    limits = thresholds.for_source(connection, source_id).thresholds
    changed = []
    for report in reports.latest_of_spaces(connection, source_id):
        verdict = verdict_of(report, limits)
        gates = [gate.as_dict() for gate in verdict.gates]
        if gates == report.gates:
            continue
        reports.save_verdict(connection, report.id, score=verdict.score, passed=verdict.passed, gates=gates)
        changed.append((report, verdict))
    return changed
