"""Putting two rankings together."""

from collections.abc import Mapping, Sequence

RRF_K = 60
# How much the text leg counts beside the vector leg. Chosen with the tuning halves of the labelled sets
# (`python -m benchmarks tuning`), see docs/search.md.
TEXT_WEIGHT = 0.7


def score_fusion(
    near: Mapping[int, float], worded: Mapping[int, float], text_weight: float = TEXT_WEIGHT
) -> list[tuple[int, float]]:
    """Fuse the vector leg and the text leg by their scores; returns (id, score from 0 to 1), best first.

    A BM25 score is taken relative to the best one: 0 means nothing in common. A cosine similarity has no such zero,
    so it is taken as the part of the way from the last to the best of its leg. What a leg did not find has 0 there.
    Ties keep the order of the vector leg.

    Args:
        near: Cosine similarities by id.
        worded: BM25 scores by id, positive.
        text_weight: The share of the text leg, from 0 to 1.
    """
    scores = {item: (1 - text_weight) * score for item, score in _spread(near).items()}
    highest = max(worded.values(), default=0.0)
    for item, score in worded.items():
        scores[item] = scores.get(item, 0.0) + text_weight * score / highest
    return sorted(scores.items(), key=lambda pair: -pair[1])


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[int]], weights: Mapping[str, float] | None = None, *, k: int = RRF_K
) -> list[tuple[int, float]]:
    """Fuse rankings of ids, best first; returns (id, score), best first.

    The score of an id is the sum over rankings of weight / (k + rank), ranks from 1; ties keep the order of the
    first ranking that has them. Source: Cormack, Clarke and Büttcher, SIGIR 2009.
    """
    scores: dict[int, float] = {}
    for name, ranking in rankings.items():
        weight = (weights or {}).get(name, 1.0)
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])


def _spread(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores as the part of the way from the lowest to the highest; one alone, or all equal, count in full."""
    lowest, highest = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    if highest <= lowest:
        return dict.fromkeys(scores, 1.0)
    return {item: (score - lowest) / (highest - lowest) for item, score in scores.items()}
