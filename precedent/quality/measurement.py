"""Measuring a source's vectors: reads each once, embeds a few texts again, asks the index."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from precedent.database.session import Database
from precedent.errors import PrecedentError
from precedent.providers.runtime.embedder import Embedder
from precedent.quality import answers
from precedent.quality import measures as measure
from precedent.quality import repository as reports
from precedent.quality import samples as store
from precedent.quality.answers import Answers, content_hash
from precedent.quality.measures import Vectors
from precedent.quality.measures.drift import MOST, drift
from precedent.quality.measures.recall import measure_recall
from precedent.quality.measures.summary import QualityMeasures, Stale
from precedent.quality.measures.text_loss import TextLoss, text_loss
from precedent.quality.report.chart_data import ChartData
from precedent.quality.samples import TitleBody
from precedent.quality.sampling import BottomK, SamplePlan, sample_plan
from precedent.sources.repository import SourceRow
from precedent.vectors import repository as embeddings
from precedent.vectors.embedding import EmbeddingError
from precedent.vectors.repository import Coverage
from precedent.vectors.space import Space, SpaceProfile

# The same rows are looked at in every report as far as they are still there: its figures then compare with the last.
STEADY = "quality"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found, what to draw, and the vectors (n, dimensions) that the next report's drift is measured from.

    `used`, `fresh` and `canaries` are what to keep of the model's answers, as `answers.save` takes them.
    """

    measures: QualityMeasures
    chart_data: ChartData
    kept: Vectors
    used: list[bytes]
    fresh: dict[bytes, NDArray[np.float32]]
    canaries: list[bytes]


@dataclass(frozen=True, slots=True)
class _Canaries:
    """Passages whose stored vectors, shape (n, dimensions), are compared; the first `asked` of them are asked anew."""

    hashes: list[bytes]
    vectors: Vectors
    asked: int


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a source before anything is embedded."""

    rows: measure.RowMeasures
    sample: BottomK
    canaries: "_Canaries"
    texts: dict[bytes, str]
    kinds: dict[bytes, str]
    new: BottomK
    kept: reports.Sample | None
    pairs: list[TitleBody]
    loss: TextLoss
    known: Answers


@dataclass(frozen=True, slots=True)
class _Again:
    """What the model says to texts: canaries, titles, and the bodies of the first pairs.

    `used` has the hashes of all of them, `fresh` the vectors of those that were asked now.
    """

    canaries: Vectors
    titles: Vectors
    bodies: Vectors
    used: list[bytes]
    fresh: dict[bytes, NDArray[np.float32]]


def measure_source(
    database: Database,
    source: SourceRow,
    space: Space,
    provider: Embedder,
    *,
    count: int,
    covered: Coverage,
    seed: str,
    made_by: str,
) -> Measured:
    """Measure all vectors of a source and samples of them.

    Args:
        database: The platform's.
        source: Whose vectors.
        space: Where they are.
        provider: The configured model.
        count: About how many there are, which decides how many are sampled.
        covered: How many of the source's chunks have theirs.
        seed: Which canaries are asked anew: of other vectors, others, so that in time every passage is looked at.
        made_by: The configured model, whose answers for the last report are taken where a text has one.

    Raises:
        PrecedentError: no endpoint embedded the texts again; what was not looked at is not judged.
        BudgetExhausted: the tenant's money is used up.
    """
    began = time.monotonic()
    plan = sample_plan(count)
    read = _read(database, source, space, provider, plan, seed, made_by)
    again = _embed(provider, read, plan)
    measures = _measured(space, provider, read, again, covered)
    with database.bulk(source.tenant_id) as connection:
        usable = again.titles if again.titles.shape[1] == space.profile.dimensions else read.sample.vectors
        measures = replace(measures, recall=measure_recall(connection, space, usable[: plan.queries]))
    kinds = [read.kinds.get(digest, "unknown") for digest in read.sample.hashes]
    chart_data = ChartData.of(read.rows.all_norms(), read.sample.vectors, kinds)
    return Measured(
        measures=replace(measures, seconds=round(time.monotonic() - began, 3)),
        chart_data=chart_data,
        kept=read.sample.vectors[:MOST],
        used=again.used,
        fresh=again.fresh,
        canaries=[digest for digest in read.canaries.hashes if digest in again.fresh],
    )


def stale(stored: SpaceProfile, configured: SpaceProfile) -> tuple[Stale, ...]:
    """In what the vectors' model differs from the configured one."""
    return tuple(
        Stale(name, str(getattr(stored, name)), str(getattr(configured, name)))
        for name in stored.__dataclass_fields__
        if getattr(stored, name) != getattr(configured, name)
    )


def _read(
    database: Database, source: SourceRow, space: Space, provider: Embedder, plan: SamplePlan, seed: str, made_by: str
) -> _Read:
    dimensions = space.profile.dimensions
    rows = measure.RowMeasures(dimensions)
    sample, drawn = BottomK(plan.shaped, STEADY), BottomK(plan.canaries, seed)
    new = BottomK(MOST, STEADY)
    held: dict[bytes, NDArray[np.float32]] = {}
    changed = 0
    # Of vectors that another configuration made, the documents are compared as they are.
    prepare = provider.prepared if space.profile.cut == provider.profile.cut else str
    with database.bulk(source.tenant_id) as connection:
        kept = reports.latest_sample(connection, source.id, space.id)
        known = answers.read(connection, source.id, space.id, made_by)
        known_canaries = set(known.canaries)
        for batch in store.stream(connection, source.id, space, kept.at if kept else None):
            rows.add(batch.vectors)
            sample.add(batch.hashes, batch.vectors)
            drawn.add(batch.hashes, batch.vectors)
            held |= {
                digest: vector
                for digest, vector in zip(batch.hashes, batch.vectors, strict=True)
                if digest in known_canaries and len(vector) == dimensions
            }
            arrived = np.flatnonzero(batch.new)
            changed += len(arrived)
            new.add([batch.hashes[row] for row in arrived], batch.vectors[arrived])
        sums = store.tokens(connection, source.id, space, provider.window)
        canaries = _canaries(drawn, {digest: held[digest] for digest in known.canaries if digest in held}, changed)
        documents = store.documents(connection, source.id, space, plan.documents, STEADY, prepare)
        return _Read(
            rows=rows,
            sample=sample,
            canaries=canaries,
            texts=embeddings.read_texts(connection, canaries.hashes),
            kinds=store.kinds(connection, source.id, space, sample.hashes),
            new=new,
            kept=kept,
            pairs=store.title_body_pairs(connection, source.id, space, plan.titles, STEADY),
            loss=text_loss(documents, provider.counter, passages=sums.passages, tokens=sums.tokens, beyond=sums.beyond),
            known=known,
        )


def _canaries(drawn: BottomK, held: Mapping[bytes, NDArray[np.float32]], changed: int) -> _Canaries:
    """As many of the drawn passages as vectors have changed, at least one, then those held; and more where too few.

    So a report costs what its change did, a model that changes behind its name is found by the next report, and in time
    every passage is looked at.

    Args:
        drawn: As many as there are to be, at random.
        held: Stored vectors of passages that were asked for an earlier report, the latest first.
        changed: How many vectors are new since the last report.
    """
    stored = dict(zip(drawn.hashes, drawn.vectors, strict=True))
    asked = drawn.hashes[: max(1, changed)]
    order = list(dict.fromkeys([*asked, *held, *drawn.hashes]))[: drawn.size]
    everything = {**held, **stored}
    vectors = [everything[digest] for digest in order]
    return _Canaries(order, np.stack(vectors) if vectors else drawn.vectors, len(asked))


def _embed(provider: Embedder, read: _Read, plan: SamplePlan) -> _Again:
    canaries = [read.texts[digest] for digest in read.canaries.hashes if digest in read.texts]
    titles = [pair.title for pair in read.pairs]
    bodies = [pair.text for pair in read.pairs[: plan.bodies]]
    hashes = [content_hash(text) for text in (*canaries, *titles, *bodies)]
    texts = dict(zip(hashes, (*canaries, *titles, *bodies), strict=True))
    anew = set(read.canaries.hashes[: read.canaries.asked])
    missing = [digest for digest in texts if digest in anew or digest not in read.known.vectors]
    # One call: a provider sorts by length and fills its batches better than three calls could.
    try:
        vectors = provider.embed([texts[digest] for digest in missing]).vectors
    except EmbeddingError as error:
        raise PrecedentError(
            f"The vectors cannot be judged, as their model does not answer now ({error}): run it again when it does."
        ) from None
    fresh = dict(zip(missing, vectors, strict=True))
    found = {**read.known.vectors, **fresh}
    joined = np.stack([found[digest] for digest in hashes]) if hashes else vectors
    first, second = len(canaries), len(canaries) + len(titles)
    return _Again(joined[:first], joined[first:second], joined[second:], list(texts), fresh)


def _measured(space: Space, provider: Embedder, read: _Read, again: _Again, covered: Coverage) -> QualityMeasures:
    rows, norms = read.rows, read.rows.all_norms()
    held = [row for row, digest in enumerate(read.canaries.hashes) if digest in read.texts]
    stored = read.canaries.vectors[held]
    bodies = np.stack([pair.vector for pair in read.pairs]) if read.pairs else np.empty((0, 0), np.float32)
    compared = len(again.bodies)
    shape, own, renewed = (measure.shape(vectors) for vectors in (read.sample.vectors, stored, again.canaries))
    return QualityMeasures(
        count=rows.count,
        dimensions=space.profile.dimensions,
        other_dimensions=rows.other_dimensions,
        zero=rows.zero,
        not_finite=rows.not_finite,
        duplicates=rows.duplicates,
        norm_mean=float(norms.mean()) if len(norms) else 0.0,
        norm_min=float(norms.min()) if len(norms) else 0.0,
        norm_max=float(norms.max()) if len(norms) else 0.0,
        coverage=covered.share,
        shape=shape,
        canary=measure.canary(stored, again.canaries),
        title_to_body=measure.title_to_body(again.titles, bodies),
        title_to_body_compared=measure.title_to_body(again.titles[:compared], bodies[:compared]),
        title_to_body_fresh=measure.title_to_body(again.titles[:compared], again.bodies),
        # The same few texts on both sides: a rank of 64 rows says nothing next to one of a thousand.
        effective_rank_fresh=(
            shape.effective_rank * renewed.effective_rank / own.effective_rank if shape and own and renewed else None
        ),
        stale=stale(space.profile, provider.profile),
        text_loss=read.loss,
        drift=drift(read.new.vectors, read.kept.vectors) if read.kept and len(read.new.hashes) else None,
        embedded_again=len(again.fresh),
    )
