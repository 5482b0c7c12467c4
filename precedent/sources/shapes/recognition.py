"""Recognising what an object is, and making a record of it."""

from typing import Any

from precedent.sources.records import RawKind, RawRecord, Shape
from precedent.sources.shapes import github
from precedent.sources.shapes.fields import UnreadableError, identifier, listing, moment, text


def record(payload: dict[str, Any], notes: tuple[str, ...] = ()) -> RawRecord:
    """The record of an object of any known shape.

    Raises:
        UnreadableError: the shape is unknown, or the object is not sound.
    """
    shape = recognise(payload)
    if shape is None:
        raise UnreadableError(
            "unknown_shape",
            "The record is none of the known shapes: add the source with --map to say what it is.",
        )
    if shape is Shape.JIRA_ISSUE:
        return _jira(payload, notes)
    if shape is Shape.GIT_COMMIT:
        return _commit(payload, notes)
    if shape is Shape.STATUSPAGE_INCIDENT:
        return _incident(payload, notes)
    return github.record(payload, shape, notes)


def recognise(payload: dict[str, Any]) -> Shape | None:
    """The shape of an object, or None."""
    if "fields" in payload and ("key" in payload or "id" in payload):
        return Shape.JIRA_ISSUE
    if "incident_updates" in payload or ("impact" in payload and "name" in payload):
        return Shape.STATUSPAGE_INCIDENT
    if "sha" in payload and "message" in payload:
        return Shape.GIT_COMMIT
    return github.recognise(payload)


def _jira(payload: dict[str, Any], notes: tuple[str, ...]) -> RawRecord:
    fields = payload["fields"]
    if not isinstance(fields, dict):
        raise UnreadableError("wrong_type", f"Field fields is a {type(fields).__name__}, not an object.")
    text(fields, "summary")
    for name in ("labels", "components"):
        listing(fields, name)
    # Server sends wiki markup, Cloud a document.
    if not isinstance(fields.get("description"), str | dict | None):
        raise UnreadableError("wrong_type", "Field description is neither text nor a document.")
    return RawRecord(
        kind=RawKind.ISSUE, shape=Shape.JIRA_ISSUE, external_id=identifier(payload, "key"), payload=payload,
        created_at=moment(fields.get("created"), "created"), updated_at=moment(fields.get("updated"), "updated"),
        completeness=1, notes=notes,
    )  # fmt: skip


def _commit(payload: dict[str, Any], notes: tuple[str, ...]) -> RawRecord:
    text(payload, "message")
    listing(payload, "files")
    committed = moment(payload.get("commit_date"), "commit_date")
    authored = moment(payload.get("author_date"), "author_date")
    return RawRecord(
        kind=RawKind.COMMIT, shape=Shape.GIT_COMMIT, external_id=identifier(payload, "sha"), payload=payload,
        created_at=authored or committed, updated_at=committed or authored, notes=notes,
    )  # fmt: skip


def _incident(payload: dict[str, Any], notes: tuple[str, ...]) -> RawRecord:
    text(payload, "name")
    listing(payload, "components")
    for update in listing(payload, "incident_updates"):
        if not isinstance(update, dict):
            raise UnreadableError("wrong_type", "An incident update is no object.")
        text(update, "body")
    return RawRecord(
        kind=RawKind.INCIDENT, shape=Shape.STATUSPAGE_INCIDENT, external_id=identifier(payload, "id"),
        payload=payload, created_at=moment(payload.get("created_at"), "created_at"),
        updated_at=moment(payload.get("updated_at"), "updated_at"), notes=notes,
    )  # fmt: skip
