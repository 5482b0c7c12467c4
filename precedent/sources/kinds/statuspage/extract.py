"""Documents of incidents as Statuspage returns them."""

from collections.abc import Iterator
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.composition import compose, facts, shortened
from precedent.text.extract.markup import Markup, clean_text, detect
from precedent.text.extract.model import Document

_ENDED = frozenset({"resolved", "completed", "postmortem"})


def incident_document(payload: dict[str, Any]) -> Document:
    """An incident: how bad, what was hit, and its updates in the order they were written."""
    title = fields.string(payload.get("name")) or fields.string(payload.get("title"))
    state = fields.state_name(payload.get("status"))
    impact = fields.state_name(payload.get("impact"))
    updates = list(_updates(payload))
    components = _components(payload)
    lines = [f"{status.replace('_', ' ')}: {text}" if status else text for status, text in updates]
    ending = next((text for status, text in reversed(updates) if status in _ENDED), None)
    return Document(
        title=title,
        text=compose(title, [facts(impact=impact, state=state, components=components), *lines]),
        state=state,
        type="incident",
        priority=impact,
        resolution=shortened(ending) if ending else None,
        components=components,
        url=fields.string(payload.get("shortlink")) or None,
    )


def _updates(payload: dict[str, Any]) -> Iterator[tuple[str, str]]:
    found = [update for update in fields.items(payload.get("incident_updates")) if isinstance(update, dict)]
    dated = [(_written_at(update), update) for update in found]
    if all(moment is not None for moment, _ in dated):
        dated.sort(key=lambda pair: str(pair[0]))
    for _, update in dated:
        text = incident_text(update.get("body"))
        if text:
            yield fields.state_name(update.get("status")) or "", text
    postmortem = incident_text(payload.get("postmortem_body"))
    if postmortem:
        yield "postmortem", postmortem


def _written_at(update: dict[str, Any]) -> object:
    return next((at for key in ("display_at", "created_at") if (at := fields.moment(update.get(key)))), None)


def incident_text(body: object) -> str:
    """The text of an update; status pages accept HTML and Markdown, never wiki markup."""
    if isinstance(body, str) and detect(body) is Markup.JIRA:
        return clean_text(body, Markup.PLAIN)
    return clean_text(body)


def _components(payload: dict[str, Any]) -> tuple[str, ...]:
    listed = fields.names(payload.get("components"))
    if listed:
        return listed
    updates = fields.items(payload.get("incident_updates"))
    touched = [part for update in updates for part in fields.items(fields.member(update, "affected_components"))]
    return fields.names(touched)
