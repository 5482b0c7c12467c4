"""Records of any other system, by saying which of their fields is what."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from precedent.sources.options import Option
from precedent.sources.records import RawKind, RawRecord
from precedent.sources.shapes.fields import UnreadableError, identifier, moment
from precedent.text.extract.model import Document

TARGETS = (
    "id",
    "title",
    "body",
    "created_at",
    "updated_at",
    "state",
    "labels",
    "author",
    "url",
    "priority",
    "type",
    "components",
    "resolution",
    "impact",
)
LISTS = ("labels", "components")


class MappedRecord:
    """A record that was read by a mapping: `mapped` holds what the mapping names, `record` the whole."""

    name = "mapped"

    def recognise(self, payload: dict[str, Any]) -> bool:
        """Never: only a mapping can tell what a record of another system is."""
        return False

    def record(self, payload: dict[str, Any]) -> RawRecord:
        """Raises UnreadableError: see `FieldMapping.record`."""
        raise UnreadableError("unknown_shape", "A record of another system is read by a mapping.")

    def extract(self, payload: dict[str, Any]) -> Document:
        """The document of a mapped record."""
        from precedent.sources.kinds.archive.extract import mapped_document

        return mapped_document(payload)


MAPPED = MappedRecord()


class FieldMapping(BaseModel):
    """Which field of a record holds what, and which kind the records are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: Annotated[dict[str, str], Option("map")] = Field(
        description='Which field is what, e.g. --map id="Issue id" --map title=Summary.'
    )
    kind: Annotated[Literal["issue", "pull_request", "commit", "incident"], Option("as")] = Field(
        default="issue", description="What mapped records are: issue, pull_request, commit or incident."
    )

    @field_validator("fields")
    @classmethod
    def _useful(cls, fields: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(fields) - set(TARGETS))
        if unknown:
            raise ValueError(f"Nothing is called {unknown[0]!r}: map to {', '.join(TARGETS)}")
        if "id" not in fields:
            raise ValueError('The mapping has no id: add --map id="Column name"')
        if "title" not in fields and "body" not in fields:
            raise ValueError('The mapping has neither title nor body: add --map title="Column name"')
        return fields

    def record(self, payload: dict[str, Any]) -> RawRecord:
        """The record of an object.

        Raises:
            UnreadableError: no id, a value of the wrong type, or a date that cannot be read.
        """
        values = {target: find(payload, column) for target, column in self.fields.items()}
        return RawRecord(
            kind=RawKind(self.kind),
            shape=MAPPED.name,
            external_id=identifier(values, "id"),
            payload={"mapped": {name: self._plain(name, value) for name, value in values.items()}, "record": payload},
            created_at=moment(values.get("created_at"), self.fields.get("created_at", "created_at")),
            updated_at=moment(values.get("updated_at"), self.fields.get("updated_at", "updated_at")),
        )

    def _plain(self, target: str, value: Any) -> Any:
        if target in LISTS:
            return _names(value, target)
        if isinstance(value, list) or (isinstance(value, dict) and target != "body"):
            raise UnreadableError("wrong_type", f"Field {self.fields[target]} is a {type(value).__name__}, not text.")
        return value if isinstance(value, dict | None) else str(value)


def find(payload: dict[str, Any], column: str) -> Any:
    """The value under a name as it stands, else under its dotted path; None where there is none."""
    if column in payload:
        return payload[column]
    value: Any = payload
    for part in column.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _names(value: Any, target: str) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list):
        return [str(item.get("name", "")) if isinstance(item, dict) else str(item) for item in value]
    raise UnreadableError("wrong_type", f"The {target} are a {type(value).__name__}, not a list.")
