"""The shape of a status page's incidents."""

from typing import Any

from precedent.sources.records import RawKind, RawRecord
from precedent.sources.shapes.fields import UnreadableError, identifier, listing, moment, text
from precedent.text.extract.model import Document


class StatuspageIncident:
    """An incident with its updates."""

    name = "statuspage_incident"

    def recognise(self, payload: dict[str, Any]) -> bool:
        """True if it has updates, or an impact and a name."""
        return "incident_updates" in payload or ("impact" in payload and "name" in payload)

    def record(self, payload: dict[str, Any]) -> RawRecord:
        """The record of an incident."""
        text(payload, "name")
        listing(payload, "components")
        for update in listing(payload, "incident_updates"):
            if not isinstance(update, dict):
                raise UnreadableError("wrong_type", "An incident update is not an object.")
            text(update, "body")
        return RawRecord(
            kind=RawKind.INCIDENT,
            shape=self.name,
            external_id=identifier(payload, "id"),
            payload=payload,
            created_at=moment(payload.get("created_at"), "created_at"),
            updated_at=moment(payload.get("updated_at"), "updated_at"),
        )

    def extract(self, payload: dict[str, Any]) -> Document:
        """The document of an incident."""
        from precedent.sources.kinds.statuspage.extract import incident_document

        return incident_document(payload)


INCIDENT = StatuspageIncident()
