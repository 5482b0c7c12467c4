"""Documents of what GitHub's REST interface returns."""

from collections.abc import Callable, Sequence
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.comments import last_comments
from precedent.text.extract.commits import commit_document
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.model import Comment, Document


def issue(payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
    """An issue: what it says, the facts, and the last three comments."""
    title = fields.string(payload.get("title"))
    state = fields.state_name(payload.get("state"))
    labels = fields.names(payload.get("labels"))
    kind = fields.name(payload.get("type"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(type=kind, state=state, labels=labels),
        *last_comments(comments, _words),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        type=kind,
        resolution=fields.state_name(payload.get("state_reason")) if state == "closed" else None,
        labels=labels,
        author=_author(payload),
        url=_url(payload),
    )


def pull_request(payload: dict[str, Any], comments: Sequence[Comment]) -> Document:
    """A pull request: what it says, how it ended, and the last two reviews or review comments."""
    title = fields.string(payload.get("title"))
    merged = payload.get("merged") is True or fields.moment(_merged_at(payload)) is not None
    state = "merged" if merged else fields.state_name(payload.get("state"))
    labels = fields.names(payload.get("labels"))
    draft = "yes" if payload.get("draft") is True else None
    base = fields.string(fields.member(payload, "base", "ref"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(
            state="closed without merging" if state == "closed" else state,
            merged_into=base if merged else None,
            draft=draft,
            labels=labels,
        ),
        *last_comments((said for said in comments if said.shape != "github_comment"), _words, limit=2),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        resolution="merged" if merged else "not merged" if state == "closed" else None,
        labels=labels,
        author=_author(payload),
        url=_url(payload),
    )


def commit(payload: dict[str, Any], _: Sequence[Comment]) -> Document:
    """A commit: files and the size of the change are in it only where they were asked for."""
    person = fields.member(payload, "commit", "author")
    message = fields.member(payload, "commit", "message")
    return commit_document({**payload, "message": message, "author_name": fields.member(person, "name")})


def release(payload: dict[str, Any], _: Sequence[Comment]) -> Document:
    """A release: its notes, its tag and what it was made from; an unnamed one is called by its tag."""
    tag = fields.string(payload.get("tag_name"))
    title = fields.string(payload.get("name")) or tag
    state = _release_state(payload)
    target = fields.string(payload.get("target_commitish"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(release=tag, state=state if state in {"draft", "prerelease"} else None, made_from=target),
    ]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        type="release" if tag else None,
        author=fields.string(fields.member(payload, "author", "login")) or None,
        url=_url(payload),
    )


def deployment(payload: dict[str, Any], _: Sequence[Comment]) -> Document:
    """A deployment: its description."""
    return Document(title="", text=clean_text(payload.get("description")))


def comment(payload: dict[str, Any], _: Sequence[Comment]) -> Document:
    """A comment or review: its own words, without what it quotes."""
    return Document(title="", text=_own_words(payload))


EXTRACTORS: dict[str, Callable[[dict[str, Any], Sequence[Comment]], Document]] = {
    "github_issue": issue,
    "github_pull": pull_request,
    "github_comment": comment,
    "github_review": comment,
    "github_review_comment": comment,
    "github_commit": commit,
    "github_release": release,
    "github_deployment": deployment,
}


def _own_words(payload: dict[str, Any]) -> str:
    return clean_text(payload.get("body"), Markup.MARKDOWN, quotes=False)


def _words(said: Comment) -> str:
    """What a comment adds to the document of its issue; nothing where a program wrote it."""
    user = fields.member(said.payload, "user")
    if fields.member(user, "type") == "Bot" or fields.string(fields.member(user, "login")).endswith("[bot]"):
        return ""
    text = _own_words(said.payload)
    return f"{_label(said)}: {text}" if text else ""


def _label(said: Comment) -> str:
    if said.shape == "github_review":
        verdict = fields.state_name(said.payload.get("state")) or ""
        return f"Review ({verdict.replace('_', ' ')})" if verdict not in {"", "commented"} else "Review"
    if said.shape == "github_review_comment":
        path = fields.string(said.payload.get("path"))
        return f"Review comment on {path}" if path else "Review comment"
    return "Comment"


def _release_state(payload: dict[str, Any]) -> str | None:
    if payload.get("draft") is True:
        return "draft"
    if payload.get("prerelease") is True:
        return "prerelease"
    return "published" if fields.moment(payload.get("published_at")) else None


def _merged_at(payload: dict[str, Any]) -> object:
    # The list of issues shows a pull request as a stub with its merge in `pull_request`.
    return payload.get("merged_at") or fields.member(payload, "pull_request", "merged_at")


def _author(payload: dict[str, Any]) -> str | None:
    return fields.string(fields.member(payload, "user", "login")) or None


def _url(payload: dict[str, Any]) -> str | None:
    return fields.string(payload.get("html_url")) or fields.string(payload.get("url")) or None
