"""How far down the graph a run reaches; written on runs as a tag that the automation condition reads."""

from collections.abc import Collection, Iterable

import dagster as dg

# The job that makes every layer; its module is not read here, for every command would pay for it.
REFRESH = "refresh"
# On runs that make everything below whatever they make: what they changed has been carried on, by themselves.
REACH = "precedent/reach"
TO_THE_END = {REACH: "end"}

# The graph from the source down; a test holds it against the definitions.
CHAIN = ("text/documents", "text/chunks", "vectors/embeddings")
ENDS = frozenset({"vectors/qdrant_index", "reports/vector_quality", "incidents/recommendations"})


def below(name: str) -> frozenset[str]:
    """Everything that is made from an asset, directly or not."""
    if name.startswith("raw/"):
        return frozenset(CHAIN) | ENDS
    if name in CHAIN:
        return frozenset(CHAIN[CHAIN.index(name) + 1 :]) | ENDS
    return frozenset()


def reaches_the_end(names: Iterable[str]) -> bool:
    """Whether a run that makes these assets also makes all that is made from them."""
    made = frozenset(names)
    return bool(made) and all(below(name) <= made for name in made)


def reach_tags(job: str, selection: Collection[dg.AssetKey] | None) -> dict[str, str]:
    """The tags of a run of a job with this selection of assets; None is all of the job's."""
    if selection is None:
        return TO_THE_END if job == REFRESH else {}
    return TO_THE_END if reaches_the_end(key.to_user_string() for key in selection) else {}
