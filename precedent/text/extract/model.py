"""What extractors read and what they return."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment or review on an item, as its system returned it; `shape` names the form of its payload."""

    external_id: str
    shape: str
    payload: dict[str, Any]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one item and the facts about it that are worth a column.

    Attributes:
        title: One line; "" where the item has none.
        text: Clean text that does not repeat the title. Nothing is shortened: the chunker takes any length.
        state: In lower case.
        type: What sort of item, in the words of its system.
        priority: In the words of its system.
        resolution: How the item ended, in the words of its system.
        labels: Each once.
        components: What is affected, each once.
        author: Who wrote it.
        url: Its page.
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


# The shape, the payload, and what was said on the item.
Extract = Callable[[str, dict[str, Any], Sequence[Comment]], Document]
