"""All figures of one report, and how they go into JSON and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from precedent.quality.measures.drift import Drift
from precedent.quality.measures.recall import Recall
from precedent.quality.measures.text_loss import TextLoss
from precedent.quality.measures.texts import Canary, TitleToBody
from precedent.quality.measures.vector_shape import ShapeMeasures


@dataclass(frozen=True, slots=True)
class Stale:
    """A part of a space's identity in which it differs from the configured model."""

    field: str
    stored: str
    configured: str


@dataclass(frozen=True, slots=True)
class QualityMeasures:
    """All figures of one report; None where there was too little to measure.

    Attributes:
        count: Distinct vectors of the source.
        dimensions: Of the space.
        other_dimensions: Vectors of another dimension.
        zero: Vectors of no length.
        not_finite: Vectors with an infinity or a NaN.
        duplicates: Vectors equal to another's, though the texts differ.
        norm_mean: Of the finite vectors, as are the next two.
        norm_min: The shortest.
        norm_max: The longest.
        coverage: Share of passages with a vector.
        shape: Of a sample.
        canary: Passages embedded again.
        title_to_body: Titles against stored vectors of their first passages, all pairs of the sample.
        title_to_body_compared: The same of those pairs whose passages were embedded again.
        title_to_body_fresh: Those pairs against the fresh vectors.
        effective_rank_fresh: What the effective rank would be, were it all like the texts embedded now.
        stale: In what the space differs from the configured model; empty where in nothing.
        recall: The index against exact search.
        text_loss: Tokens that no vector stands for.
        drift: New vectors against the previous report's.
        embedded_again: Texts that were embedded for the report.
        seconds: What it took to measure all this.
    """

    count: int
    dimensions: int
    other_dimensions: int
    zero: int
    not_finite: int
    duplicates: int
    norm_mean: float
    norm_min: float
    norm_max: float
    coverage: float
    shape: ShapeMeasures | None = None
    canary: Canary | None = None
    title_to_body: TitleToBody | None = None
    title_to_body_compared: TitleToBody | None = None
    title_to_body_fresh: TitleToBody | None = None
    effective_rank_fresh: float | None = None
    stale: tuple[Stale, ...] | None = None
    recall: Recall | None = None
    text_loss: TextLoss | None = None
    drift: Drift | None = None
    embedded_again: int = 0
    seconds: float = 0.0

    @property
    def duplicate_rate(self) -> float:
        """Share of vectors equal to another's."""
        return self.duplicates / max(self.count, 1)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "QualityMeasures":
        """What `as_dict` gave; names of another release are left out."""
        known = {field.name for field in fields(cls)}
        found = {name: value for name, value in values.items() if name in known}
        for name, part in PARTS.items():
            if isinstance(found.get(name), Mapping):
                found[name] = part(**found[name])
        if found.get("stale") is not None:
            found["stale"] = tuple(Stale(**part) for part in found["stale"])
        return cls(**found)


PARTS: Mapping[str, type[Any]] = {
    "shape": ShapeMeasures,
    "canary": Canary,
    "title_to_body": TitleToBody,
    "title_to_body_compared": TitleToBody,
    "title_to_body_fresh": TitleToBody,
    "recall": Recall,
    "text_loss": TextLoss,
    "drift": Drift,
}
