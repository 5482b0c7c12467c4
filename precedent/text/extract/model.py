"""What extractors read and what they return."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said on an item.

    Attributes:
        external_id: Its id, unique among the comments of its item.
        text: Its own clean words, without what it quotes.
        author: Who said it.
        url: Its page.
        created_at: When it was said.
    """

    external_id: str
    text: str
    author: str | None = None
    url: str | None = None
    created_at: datetime | None = None


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
        comments: What was said on the item, where its payload holds it.
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
    comments: tuple[Comment, ...] = ()


# Of the shape and the payload of a record, an item or a comment.
Extract = Callable[[str, dict[str, Any]], Document]
