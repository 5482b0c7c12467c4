"""Which fusion, and how much the text leg counts in it: all of it on the tuning halves, which no reported figure uses.

Both legs are asked by `search --batch` for as many documents as search gathers; the fusions are then compared offline.
"""

from collections.abc import Callable
from functools import partial

from rich.console import Console
from rich.table import Table

from benchmarks.ranking.labelled import LabelledSet, load
from benchmarks.ranking.reciprocal_rank import reciprocal_rank_fusion
from benchmarks.ranking.retrieval import answers_of
from precedent.search.dense import POOL
from precedent.search.fusion import score_fusion

RRF_K = (5, 20, 60)
RRF_WEIGHTS = (0.5, 1.0, 1.5, 2.0)
SHARES = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
Leg = dict[int, float]
Fusion = Callable[[Leg, Leg], list[tuple[int, float]]]


def main() -> None:
    """Print hit@10 and MRR@10 of each fusion on each tuning half, and the mean that decides."""
    sets = load()
    legs = {labelled.name: _legs(labelled) for labelled in sets}
    table = Table(title="Fusions on the tuning halves: hit@10 and MRR@10")
    for column in ("fusion", *(labelled.name for labelled in sets), "mean of both"):
        table.add_column(column, justify="left" if column == "fusion" else "right")
    for label, fusion in _fusions().items():
        figures = []
        for labelled in sets:
            names, near, worded = legs[labelled.name]
            found = {
                query: [names[item] for item, _ in fusion(near[query], worded[query])[:10]]
                for query in labelled.relevant
            }
            figures.append(labelled.score(found, labelled.halves()["tuning"])[1:])
        mean = sum(sum(pair) for pair in figures) / (2 * len(figures))
        table.add_row(label, *(f"{hit:.3f} {rank:.3f}" for hit, rank in figures), f"{mean:.4f}")
    Console(width=120).print(table)


def _fusions() -> dict[str, Fusion]:
    found: dict[str, Fusion] = {}
    for k in RRF_K:
        for weight in RRF_WEIGHTS:
            found[f"reciprocal rank, k {k}, text {weight}"] = partial(_ranks, k, weight)
    for share in SHARES:
        found[f"scores, text {share}"] = partial(score_fusion, text_weight=share)
    return found


def _ranks(k: int, weight: float, near: Leg, worded: Leg) -> list[tuple[int, float]]:
    return reciprocal_rank_fusion({"vector": list(near), "text": list(worded)}, {"text": weight}, k=k)


def _legs(labelled: LabelledSet) -> tuple[list[str], dict[str, Leg], dict[str, Leg]]:
    """Names by number, and for each query both legs' scores by number, best first."""
    numbers: dict[str, int] = {}
    found = []
    for mode in ("vector", "text"):
        answers = answers_of(labelled, mode, POOL)
        found.append(
            {
                query: {
                    numbers.setdefault(str(item["external_id"]), len(numbers)): float(str(item["score"]))
                    for item in items[:POOL]
                }
                for query, items in answers.items()
            }
        )
    return list(numbers), found[0], found[1]
