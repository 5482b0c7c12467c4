"""Titles and bodies of real issues with their vectors, and models that are not quite the right one."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from precedent.providers.config.provider import Provider
from precedent.providers.drivers.sentence_transformers import SentenceTransformersDriver
from precedent.quality import measures as measure
from precedent.quality.measures import Vectors
from precedent.quality.measures.drift import Drift, drift
from precedent.quality.measures.recall import Recall, exact_search
from precedent.quality.measures.summary import QualityMeasures, Stale
from precedent.quality.measures.text_loss import TextLoss
from precedent.quality.score import Verdict, judge

ISSUES = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "jira" / "issues.jsonl.gz"
NEEDS_RECORDS = [pytest.mark.records, pytest.mark.skipif(not ISSUES.exists(), reason="the shared records are absent")]
COUNT = 120
CANARIES = 64


@dataclass(frozen=True, slots=True)
class Real:
    """Texts of real issues and their vectors, each (COUNT, 384)."""

    body_texts: list[str]
    titles: Vectors
    bodies: Vectors


def read() -> Real:
    """Embed the first issues that have enough of both."""
    titles, bodies = [], []
    with gzip.open(ISSUES) as lines:
        for line in lines:
            fields = json.loads(line)["fields"]
            if len(fields.get("description") or "") > 200 and len(fields.get("summary") or "") > 20:
                titles.append(fields["summary"])
                bodies.append(fields["description"][:800])
            if len(titles) == COUNT:
                break
    model = driver()
    return Real(bodies, model.embed(titles).vectors, model.embed(bodies).vectors)


def driver(**options: str) -> SentenceTransformersDriver:
    """The packaged model."""
    return SentenceTransformersDriver(Provider(name="model", driver="sentence_transformers", options=options))


def halved(vectors: Vectors) -> Vectors:
    """As they come back from storage."""
    return vectors.astype(np.float16).astype(np.float32)


def measured(
    stored: Vectors,
    titles: Vectors,
    fresh: Vectors,
    *,
    stale: tuple[Stale, ...] = (),
    recall: Recall | None = None,
    loss: TextLoss | None = None,
) -> QualityMeasures:
    """What a report would measure where these vectors are stored and those would be made now."""
    rows = measure.RowMeasures(fresh.shape[1])
    rows.add(stored)
    norms = rows.all_norms()
    renewed = measure.shape(fresh)
    return QualityMeasures(
        count=rows.count,
        dimensions=fresh.shape[1],
        other_dimensions=rows.other_dimensions,
        zero=rows.zero,
        not_finite=rows.not_finite,
        duplicates=rows.duplicates,
        norm_mean=float(norms.mean()),
        norm_min=float(norms.min()),
        norm_max=float(norms.max()),
        coverage=1.0,
        shape=measure.shape(stored),
        canary=measure.canary(stored[:CANARIES], fresh[:CANARIES]),
        title_to_body=measure.title_to_body(titles, stored),
        title_to_body_compared=measure.title_to_body(titles, stored),
        title_to_body_fresh=measure.title_to_body(titles, fresh),
        effective_rank_fresh=renewed.effective_rank if renewed else None,
        stale=stale,
        recall=recall or exact_search(len(stored)),
        text_loss=loss or TextLoss(COUNT, 20_000, 0.0, 64, 0.0),
        drift=_halves(stored),
    )


def verdict(stored: Vectors, titles: Vectors, fresh: Vectors) -> Verdict:
    """The verdict on it."""
    return judge(measured(stored, titles, fresh))


def failed(found: Verdict) -> set[str]:
    """Names of the gates that failed."""
    return {gate.name for gate in found.gates if gate.passed is False}


def _halves(vectors: Vectors) -> Drift | None:
    return drift(vectors[::2], vectors[1::2])
