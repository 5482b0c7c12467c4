"""What the extractors read and what they return."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from precedent.sources.records import Shape


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment, review or review comment on an item, as its system returned it."""

    external_id: str
    shape: Shape
    payload: dict[str, Any]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one item and the facts about it that are worth a column.

    `text` does not repeat the title and is never shortened. `state` is lower case; `resolution` says how the item
    ended, in the words of its system.
    """

    title: str
    text: str
    state: str | None = None
    type: str | None = None
    priority: str | None = None
    resolution: str | None = None
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    author: str | None = None
    url: str | None = None
