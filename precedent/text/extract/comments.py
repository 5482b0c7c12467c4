"""What people said on an issue or a pull request."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from precedent.text.extract import fields
from precedent.text.extract.model import Comment

DATES = ("submitted_at", "created_at", "created")
BEGINNING = datetime.min.replace(tzinfo=UTC)


def last_comments(comments: Iterable[Comment], words: Callable[[Comment], str], limit: int = 3) -> list[str]:
    """The words of the latest comments that have any, oldest first.

    Args:
        comments: In any order; one without a date counts as the oldest.
        words: What a comment adds to the document; "" leaves it out.
        limit: The most comments.
    """
    found: list[str] = []
    for comment in sorted(comments, key=lambda comment: created_at(comment) or BEGINNING)[::-1]:
        if len(found) == limit:
            break
        if text := words(comment):
            found.append(text)
    return found[::-1]


def created_at(comment: Comment) -> datetime | None:
    """When it was said, from the record or else from its payload."""
    if comment.created_at is not None:
        return comment.created_at if comment.created_at.tzinfo else comment.created_at.replace(tzinfo=UTC)
    return next((found for name in DATES if (found := fields.moment(comment.payload.get(name)))), None)
