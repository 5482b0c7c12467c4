"""The fusion that search's own is compared with: by ranks alone, whatever the scores."""

from collections.abc import Mapping, Sequence

# What the paper found to do well for any ranking.
K = 60


def reciprocal_rank_fusion(
    rankings: Mapping[str, Sequence[int]], weights: Mapping[str, float] | None = None, *, k: int = K
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
