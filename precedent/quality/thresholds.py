"""When a gate fails: defaults, what a tenant sets, and what a source sets over that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from precedent.errors import UsageError

Origin = Literal["default", "tenant", "source"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a gate fails. Defaults come from real issues and the faults planted into them.

    Attributes:
        canary_below: Largest share of texts embedded again that may differ from what is stored (cosine below .99).
        canary_mean: Least mean cosine of them. An accelerated engine is accepted at .999 of its original: below that
            it is another model or precision. The same engine in other batches reaches .99999.
        title_to_body_mrr: Least mean reciprocal rank at 10 of a title's own passage. Of 200 clean pairs, issues, pull
            requests and commits reach .74 to .82, incidents of a status page .27; 99.9 % of draws of random vectors
            stay below .04. It sees a model that is wrong the same way twice, which the ratio cannot.
        title_to_body_ratio: Least share of the rank that fresh vectors of the same pairs reach: unlike the rank
            itself it does not move with the size and subject of a source.
        recall_at_10: Least share of the ten nearest that the index finds. The platform promises .98; fifty queries
            tell that from .95 and not from more.
        duplicate_rate: Largest share of vectors equal to another's, though the texts differ.
        tokens_cut: Largest share of tokens in passages longer than the model's window.
        tokens_lost: Largest share of the documents' tokens that are in no passage.
        coverage: Least share of passages with a vector.
        norm_deviation: Largest distance of a norm from 1.
        mean_cosine: Largest mean cosine of all pairs.
        effective_rank_share: Least effective rank, as a share of what fresh vectors have.
    """

    canary_below: float = 0.01
    canary_mean: float = 0.999
    title_to_body_mrr: float = 0.15
    title_to_body_ratio: float = 0.9
    recall_at_10: float = 0.95
    duplicate_rate: float = 0.02
    tokens_cut: float = 0.0
    tokens_lost: float = 0.0
    coverage: float = 1.0
    norm_deviation: float = 0.01
    mean_cosine: float = 0.6
    effective_rank_share: float = 0.5

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Thresholds":
        """Defaults with some replaced.

        Raises:
            UsageError: a name that is no threshold, or a value that is no finite number in its range.
        """
        return cls(**checked(values))

    @classmethod
    def layered(cls, tenant: Mapping[str, Any], source: Mapping[str, Any]) -> "Thresholds":
        """Defaults under what a tenant set under what a source set; a name of another release is left out."""
        known = set(names())
        return cls.from_mapping({name: value for name, value in {**tenant, **source}.items() if name in known})


# A cosine or a ratio to fresh vectors may leave 0 to 1, a share cannot.
RANGES: Mapping[str, tuple[float, float]] = {
    "canary_mean": (-1, 1),
    "mean_cosine": (-1, 1),
    "norm_deviation": (0, math.inf),
    "title_to_body_ratio": (0, 2),
    "effective_rank_share": (0, 2),
}


def names() -> list[str]:
    """All thresholds, in the order of the report."""
    return [field.name for field in fields(Thresholds)]


def checked(values: Mapping[str, Any]) -> dict[str, float]:
    """The same with every value a number.

    Raises:
        UsageError: a name that is no threshold, or a value that is no finite number in its range.
    """
    for name in values:
        if name not in names():
            raise UsageError(f"There is no threshold {name!r}: choose from {', '.join(sorted(names()))}.")
    return {name: _number(name, value) for name, value in values.items()}


def origin(name: str, tenant: Mapping[str, Any], source: Mapping[str, Any]) -> Origin:
    """Who set a threshold."""
    return "source" if name in source else "tenant" if name in tenant else "default"


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"The threshold {name!r} must be a number, not {value!r}.")
    low, high = RANGES.get(name, (0, 1))
    if not low <= number <= high:
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"at least {low:g}"
        raise UsageError(f"The threshold {name!r} must be {limits}, not {number:g}.")
    return number
