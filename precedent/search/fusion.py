"""Putting the two legs of search together."""

from collections.abc import Collection, Mapping, Sequence

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


def named_first(ranked: Sequence[tuple[int, float]], named: Collection[int]) -> list[tuple[int, float]]:
    """The same with the documents that the query names in front, in their order, at the score of the best."""
    best = ranked[0][1] if ranked else 0.0
    found = [item for item, _ in ranked if item in named]
    # One that neither leg had among its best is behind those that one of them had.
    first = [*found, *sorted(set(named).difference(found))]
    return [(item, best) for item in first] + [pair for pair in ranked if pair[0] not in named]


def _spread(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores as the part of the way from the lowest to the highest; one alone, or all equal, count in full."""
    lowest, highest = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    if highest <= lowest:
        return dict.fromkeys(scores, 1.0)
    return {item: (score - lowest) / (highest - lowest) for item, score in scores.items()}
