"""When a gate fails: defaults, what a tenant sets over them, and what a source sets over both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import psycopg
from psycopg.types.json import Jsonb
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError
from pydantic_core import PydanticCustomError

from precedent.errors import UsageError

Origin = Literal["default", "tenant", "source"]
READ = """
SELECT source_id IS NOT NULL, thresholds FROM quality_thresholds WHERE source_id IS NULL OR source_id = %s
"""
SAVE_TENANT = """
INSERT INTO quality_thresholds (tenant_id, thresholds) VALUES (%(tenant)s, %(values)s)
ON CONFLICT (tenant_id) WHERE source_id IS NULL
DO UPDATE SET thresholds = quality_thresholds.thresholds || excluded.thresholds, updated_at = now()
"""
SAVE_SOURCE = """
INSERT INTO quality_thresholds (tenant_id, source_id, thresholds) VALUES (%(tenant)s, %(source)s, %(values)s)
ON CONFLICT (source_id) WHERE source_id IS NOT NULL
DO UPDATE SET thresholds = quality_thresholds.thresholds || excluded.thresholds, updated_at = now()
"""
DELETE = """
UPDATE quality_thresholds SET thresholds = thresholds - %(names)s::text[], updated_at = now()
WHERE source_id IS NOT DISTINCT FROM %(source)s AND thresholds ?| %(names)s::text[]
"""
DELETE_ALL = "DELETE FROM quality_thresholds WHERE source_id IS NOT DISTINCT FROM %(source)s"


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "Input should be a number")
    return value


Number = Annotated[FiniteFloat, BeforeValidator(_no_boolean)]
# A cosine or a ratio to fresh vectors may leave 0 to 1, a share cannot.
Share = Annotated[Number, Field(ge=0, le=1)]
Cosine = Annotated[Number, Field(ge=-1, le=1)]
Ratio = Annotated[Number, Field(ge=0, le=2)]
Distance = Annotated[Number, Field(ge=0)]


class Thresholds(BaseModel):
    """When a gate fails. Defaults come from real issues and the faults planted into them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    canary_below: Share = Field(
        0.01,
        description="Largest share of texts embedded again that may differ from what is stored (cosine below .99).",
    )
    canary_mean: Cosine = Field(
        0.999,
        description="Least mean cosine of them. An accelerated engine is accepted at .999 of its original: below that "
        "it is another model or precision. The same engine in other batches reaches .99999.",
    )
    title_to_body_mrr: Share = Field(
        0.15,
        description="Least mean reciprocal rank at 10 of a title's own passage. Of 200 clean pairs, issues, pull "
        "requests and commits reach .74 to .82, incidents of a status page .27; 99.9 % of draws of random vectors stay "
        "below .04. It sees a model that is wrong the same way twice, which the ratio cannot.",
    )
    title_to_body_ratio: Ratio = Field(
        0.9,
        description="Least share of the rank that fresh vectors of the same pairs reach: unlike the rank itself it "
        "does not move with the size and subject of a source.",
    )
    recall_at_10: Share = Field(
        0.95,
        description="Least share of the ten nearest that the index finds. The platform promises .98; fifty queries "
        "tell that from .95 and not from more.",
    )
    duplicate_rate: Share = Field(
        0.02, description="Largest share of vectors equal to another's, though the texts differ."
    )
    tokens_cut: Share = Field(0.0, description="Largest share of tokens in passages longer than the model's window.")
    tokens_lost: Share = Field(0.0, description="Largest share of the documents' tokens that are in no passage.")
    coverage: Share = Field(1.0, description="Least share of passages with a vector.")
    norm_deviation: Distance = Field(0.01, description="Largest distance of a norm from 1.")
    mean_cosine: Cosine = Field(0.6, description="Largest mean cosine of all pairs.")
    effective_rank_share: Ratio = Field(0.5, description="Least effective rank, as a share of what fresh vectors have.")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Thresholds":
        """Defaults with some replaced.

        Raises:
            UsageError: a name that is no threshold, or a value that is no finite number in its range.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise UsageError(_sentence(error)) from None


NAMES = tuple(Thresholds.model_fields)


@dataclass(frozen=True, slots=True)
class Layers:
    """What a tenant and a source set, by name; the source goes first, what neither sets has its default."""

    tenant: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thresholds(self) -> Thresholds:
        """What holds; a name of another release is left out."""
        return Thresholds.of({name: value for name, value in {**self.tenant, **self.source}.items() if name in NAMES})

    def origin(self, name: str) -> Origin:
        """Who set a threshold."""
        return "source" if name in self.source else "tenant" if name in self.tenant else "default"


def checked(values: Mapping[str, Any]) -> dict[str, float]:
    """The same with every value a number.

    Raises:
        UsageError: a name that is no threshold, or a value that is no finite number in its range.
    """
    return Thresholds.of(values).model_dump(include=set(values))


def for_source(connection: "psycopg.Connection[Any]", source_id: int | None) -> Layers:
    """What is set for a source, or with None for the tenant as a whole."""
    found: dict[bool, dict[str, Any]] = {bool(own): values for own, values in connection.execute(READ, (source_id,))}
    return Layers(found.get(False, {}), found.get(True, {}))


def save(
    connection: "psycopg.Connection[Any]", tenant_id: int, source_id: int | None, values: Mapping[str, float]
) -> None:
    """Set some, of a source or with None of the tenant; the others stay as they are."""
    statement = SAVE_TENANT if source_id is None else SAVE_SOURCE
    connection.execute(statement, {"tenant": tenant_id, "source": source_id, "values": Jsonb(dict(values))})


def delete(connection: "psycopg.Connection[Any]", source_id: int | None, names: Sequence[str]) -> None:
    """Remove some, or without names all, of a source or with None of the tenant."""
    statement = DELETE if names else DELETE_ALL
    connection.execute(statement, {"source": source_id, "names": list(names)})


def _sentence(error: ValidationError) -> str:
    """What is wrong with the first wrong value, and what it may be."""
    first = error.errors()[0]
    name, kind = str(first["loc"][0]), first["type"]
    if kind == "extra_forbidden":
        return f"There is no threshold {name!r}: choose from {', '.join(sorted(NAMES))}."
    wanted = _range(name) if kind in ("greater_than_equal", "less_than_equal") else "a number"
    return f"The threshold {name!r} must be {wanted}, not {first['input']!r}."


def _range(name: str) -> str:
    bounds = Thresholds.model_fields[name].metadata
    low, high = (
        next((getattr(item, bound) for item in bounds if hasattr(item, bound)), None) for bound in ("ge", "le")
    )
    return f"at least {low}" if high is None else f"from {low} to {high}"
