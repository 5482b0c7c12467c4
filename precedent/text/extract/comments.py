"""What people said on an issue or a pull request."""

from collections.abc import Iterable
from datetime import UTC, datetime

from precedent.sources.records import Shape
from precedent.text.extract import fields
from precedent.text.extract.composition import last_spoken
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.model import Comment

_ON_PULLS = frozenset({Shape.GITHUB_REVIEW, Shape.GITHUB_REVIEW_COMMENT, Shape.MAPPED})


def last_comments(comments: Iterable[Comment], limit: int = 3) -> list[str]:
    """The last comments with words of a person, oldest first."""
    return last_spoken(comments, limit, created=created_at, text=_labelled)


def last_reviews(comments: Iterable[Comment], limit: int = 2) -> list[str]:
    """The last reviews and review comments with words of a person, oldest first."""
    return last_comments((comment for comment in comments if comment.shape in _ON_PULLS), limit)


def comment_text(comment: Comment) -> str:
    """The comment's own words, without what it quotes."""
    if comment.shape is Shape.MAPPED:
        return clean_text(fields.member(comment.payload, "mapped", "body"), quotes=False)
    markup = Markup.JIRA if comment.shape is Shape.JIRA_ISSUE else Markup.MARKDOWN
    return clean_text(fields.member(comment.payload, "body"), markup, quotes=False)


def created_at(comment: Comment) -> datetime | None:
    """When it was said, from the record or else from its payload."""
    moment = comment.created_at
    if moment is None:
        mapped = fields.member(comment.payload, "mapped", "created_at")
        stated = (fields.member(comment.payload, key) for key in ("submitted_at", "created_at", "created"))
        return next((found for value in (*stated, mapped) if (found := fields.moment(value))), None)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _labelled(comment: Comment) -> str:
    if _is_bot(comment):
        return ""
    text = comment_text(comment)
    if not text:
        return ""
    match comment.shape:
        case Shape.GITHUB_REVIEW:
            verdict = fields.state_name(fields.member(comment.payload, "state")) or ""
            said = f"Review ({verdict.replace('_', ' ')})" if verdict not in {"", "commented"} else "Review"
        case Shape.GITHUB_REVIEW_COMMENT:
            path = fields.string(fields.member(comment.payload, "path"))
            said = f"Review comment on {path}" if path else "Review comment"
        case _:
            said = "Comment"
    return f"{said}: {text}"


def _is_bot(comment: Comment) -> bool:
    user = fields.member(comment.payload, "user")
    login = fields.string(fields.member(user, "login"))
    return fields.string(fields.member(user, "type")) == "Bot" or login.endswith("[bot]")
