"""Records of any other shape, by saying which field is what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from precedent.errors import UsageError
from precedent.sources.records import RawKind, RawRecord, Shape
from precedent.sources.shapes.fields import UnreadableError, identifier, moment

TARGETS = (
    "id", "title", "body", "created_at", "updated_at", "state", "labels", "author", "url", "priority", "type",
    "components", "resolution", "impact",
)  # fmt: skip
LISTS = ("labels", "components")
KINDS = (RawKind.ISSUE, RawKind.PULL_REQUEST, RawKind.COMMIT, RawKind.INCIDENT)


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Which field of a record holds what, and which kind the records are."""

    fields: Mapping[str, str]
    kind: RawKind = RawKind.ISSUE

    @classmethod
    def parse(cls, pairs: Sequence[str], kind: str = "issue") -> "FieldMapping":
        """From words such as `id=Issue id`.

        Raises:
            UsageError: a word without `=`, an unknown target or kind, no id, neither title nor body.
        """
        fields: dict[str, str] = {}
        for pair in pairs:
            target, equals, column = pair.partition("=")
            target, column = target.strip(), column.strip()
            if not equals or not column:
                raise UsageError(f'--map {pair!r} does not say which field: write --map title="Column name".')
            fields[target] = column
        return cls.from_configuration({"fields": fields, "kind": kind})

    @classmethod
    def from_configuration(cls, configuration: Mapping[str, Any]) -> "FieldMapping":
        """From the stored form; raises UsageError as `parse` does."""
        fields = dict(configuration.get("fields") or {})
        unknown = sorted(set(fields) - set(TARGETS))
        if unknown:
            raise UsageError(f"Nothing is called {unknown[0]!r}: map to {', '.join(TARGETS)}.")
        if "id" not in fields:
            raise UsageError('The mapping has no id: add --map id="Column name".')
        if "title" not in fields and "body" not in fields:
            raise UsageError('The mapping has neither title nor body: add --map title="Column name".')
        kind = str(configuration.get("kind") or "issue")
        if kind not in [known.value for known in KINDS]:
            raise UsageError(f"There is no kind {kind!r}: choose from {', '.join(known.value for known in KINDS)}.")
        return cls(fields, RawKind(kind))

    def configuration(self) -> dict[str, Any]:
        """The form to store."""
        return {"fields": dict(self.fields), "kind": self.kind.value}

    def record(self, payload: dict[str, Any], notes: tuple[str, ...] = ()) -> RawRecord:
        """The record of an object.

        Raises:
            UnreadableError: no id, a value of the wrong type, or a date that is none.
        """
        values = {target: find(payload, column) for target, column in self.fields.items()}
        mapped: dict[str, Any] = {}
        for target, value in values.items():
            if target in LISTS:
                mapped[target] = _names(value, target)
            elif isinstance(value, dict | list) and target != "body":
                raise UnreadableError("wrong_type", f"Field {self.fields[target]} is a {type(value).__name__}.")
            elif isinstance(value, list):
                raise UnreadableError("wrong_type", f"Field {self.fields[target]} is a list, not text.")
            else:
                mapped[target] = value if isinstance(value, dict | None) else str(value)
        return RawRecord(
            kind=self.kind, shape=Shape.MAPPED, external_id=identifier(values, "id"),
            payload={"mapped": mapped, "record": payload},
            created_at=moment(values.get("created_at"), self.fields.get("created_at", "created_at")),
            updated_at=moment(values.get("updated_at"), self.fields.get("updated_at", "updated_at")),
            notes=notes,
        )  # fmt: skip


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
