"""What gates and diagnostics are called, and what they mean, in a line each."""

from collections.abc import Mapping

from precedent.quality.thresholds import NAMES

GATES: Mapping[str, str] = {
    "vectors": "There are vectors to judge.",
    "zero_vectors": "Vectors of no length are as near to everything as to nothing.",
    "not_finite": "Vectors with an infinity or a NaN.",
    "other_dimensions": "Vectors of another dimension than their space.",
    "stale_model": "Parts of the model's identity in which stored vectors differ from what is configured.",
    "canary_below_099": "Share of passages that, embedded again, differ from what is stored (cosine below .99).",
    "canary_mean": "Mean cosine of those passages: another model or precision lowers it.",
    "title_to_body_ratio": "How well titles find their own stored passage, next to fresh vectors of the same.",
    "title_to_body_mrr": "Mean reciprocal rank at which titles find their own passage: chance is near 0.",
    "tokens_cut": "Share of tokens in passages longer than the model's window: it does not read them.",
    "tokens_lost": "Share of the documents' tokens that are in no passage: no search can find them.",
    "recall_at_10": "Share of the ten truly nearest that the index finds.",
    "coverage": "Share of passages that have a vector.",
    "duplicate_rate": "Share of vectors equal to another's, though the texts differ.",
    "norm_deviation": "Largest distance of a vector's length from 1.",
    "mean_cosine": "Mean cosine of all pairs: a high one means that all vectors point one way.",
    "effective_rank_share": "Axes that the vectors use, next to fresh vectors of the same texts.",
}
DIAGNOSTICS: Mapping[str, tuple[str, str]] = {
    "mean_cosine": ("Mean cosine", "of all pairs of the sample; near 1 all vectors point one way (Ethayarajh 2019)"),
    "effective_rank": ("Effective rank", "axes used, by the entropy of their shares (Roy and Vetterli 2007)"),
    "participation_ratio": ("Participation ratio", "axes used, by the squares of variances (Gao and others 2017)"),
    "top_variance_share": ("Top variance share", "variance along the first principal axis alone"),
    "hubness_skew": (
        "Hubness skew",
        "skew of how often a passage is a neighbour; high: a few are neighbours of all others (Radovanović 2010)",
    ),
}


def gate_title(name: str) -> str:
    """A gate's name as people read it."""
    return {
        "canary_below_099": "canary below .99",
        "recall_at_10": "recall at 10",
        "title_to_body_mrr": "title to body MRR",
    }.get(name, name.replace("_", " "))


def threshold_of(gate: str) -> str | None:
    """The name of the threshold that a gate is judged by; None where its limit is fixed."""
    name = "canary_below" if gate == "canary_below_099" else gate
    return name if name in NAMES else None
