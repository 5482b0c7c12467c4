"""Documents of issues as Jira returns them, by version 2 (wiki markup) or 3 (rich text documents) of its interface."""

import re
from collections.abc import Iterator
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.markup.atlassian import is_atlassian_document
from precedent.text.extract.model import Comment, Document

_LONG = 80
_WORD = re.compile(r"(?<!\S)[\"'(]?[^\W\d_]{2,}[\"'),.;:!?]*(?!\S)")
_READ_ELSEWHERE = frozenset({"summary", "description", "environment"})


def issue_document(payload: dict[str, Any]) -> Document:
    """An issue: what it says, the facts, long fields of its own, and the comments, which it carries."""
    issue = fields.member(payload, "fields")
    values: dict[str, Any] = issue if isinstance(issue, dict) else {}
    title = fields.string(values.get("summary"))
    kind = fields.name(values.get("issuetype"))
    priority = fields.name(values.get("priority"))
    state = fields.state_name(values.get("status"))
    labels = fields.names(values.get("labels"))
    components = fields.names(values.get("components"))
    environment = clean_text(values.get("environment"), Markup.JIRA)
    parts = [
        clean_text(values.get("description"), Markup.JIRA),
        facts(type=kind, priority=priority, state=state, labels=labels, components=components),
        f"Environment: {environment}" if environment else "",
        *_long_fields(values, payload.get("names")),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        type=kind,
        priority=priority,
        resolution=fields.name(values.get("resolution")),
        labels=labels,
        components=components,
        author=fields.name(values.get("reporter")) or fields.name(values.get("creator")),
        url=_url(payload),
        comments=tuple(_comments(values)),
    )


def _comments(values: dict[str, Any]) -> Iterator[Comment]:
    for position, payload in enumerate(fields.items(fields.member(values, "comment", "comments"))):
        text = clean_text(fields.member(payload, "body"), Markup.JIRA, quotes=False)
        if text:
            yield Comment(
                external_id=fields.string(fields.member(payload, "id")) or str(position),
                text=text,
                author=fields.name(fields.member(payload, "author")),
                created_at=fields.moment(fields.member(payload, "created")),
            )


def _long_fields(values: dict[str, Any], labels: object) -> Iterator[str]:
    """Custom fields that hold prose, such as steps to reproduce or a root cause."""
    for key, value in values.items():
        if key in _READ_ELSEWHERE or not (isinstance(value, str) or is_atlassian_document(value)):
            continue
        text = clean_text(value, Markup.JIRA)
        # Prose has words: no hash, no list of identifiers, no serialised object.
        if len(text) > _LONG and text[0] not in "{[" and len(_WORD.findall(text[:2_000])) >= 8:
            label = fields.string(fields.member(labels, key))
            if not label and not key.startswith("customfield_"):
                label = key
            yield f"{label}: {text}" if label else text


def _url(payload: dict[str, Any]) -> str | None:
    """The page of the issue, from the address of its resource in the interface."""
    address, key = fields.string(payload.get("self")), fields.string(payload.get("key"))
    base, found, _ = address.partition("/rest/api/")
    return f"{base}/browse/{key}" if found and key else address or None
