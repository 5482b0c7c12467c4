"""Documents of what GitHub's REST interface returns."""

from collections.abc import Callable
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.commits import commit_document
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.model import Document


def issue(payload: dict[str, Any]) -> Document:
    """An issue: what it says, and the facts."""
    title = fields.string(payload.get("title"))
    state = fields.state_name(payload.get("state"))
    labels = fields.names(payload.get("labels"))
    kind = fields.name(payload.get("type"))
    parts = [
        clean_text(payload.get("body"), Markup.MARKDOWN),
        facts(type=kind, state=state, labels=labels),
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


def pull_request(payload: dict[str, Any]) -> Document:
    """A pull request: what it says, and how it ended."""
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


def commit(payload: dict[str, Any]) -> Document:
    """A commit: files and the size of the change are in it only where they were asked for."""
    person = fields.member(payload, "commit", "author")
    message = fields.member(payload, "commit", "message")
    return commit_document({**payload, "message": message, "author_name": fields.member(person, "name")})


def release(payload: dict[str, Any]) -> Document:
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


def deployment(payload: dict[str, Any]) -> Document:
    """A deployment: its description."""
    return Document(title="", text=clean_text(payload.get("description")))


def comment(payload: dict[str, Any]) -> Document:
    """A comment: its own words, without what it quotes; no text where a program wrote it."""
    return _said(payload, "")


def review(payload: dict[str, Any]) -> Document:
    """A review: its verdict and words."""
    verdict = fields.state_name(payload.get("state")) or ""
    return _said(payload, f"Review ({verdict.replace('_', ' ')})" if verdict not in {"", "commented"} else "Review")


def review_comment(payload: dict[str, Any]) -> Document:
    """A comment on a line of a change: the file, and its words."""
    path = fields.string(payload.get("path"))
    return _said(payload, f"Review comment on {path}" if path else "Review comment")


EXTRACTORS: dict[str, Callable[[dict[str, Any]], Document]] = {
    "github_issue": issue,
    "github_pull": pull_request,
    "github_comment": comment,
    "github_review": review,
    "github_review_comment": review_comment,
    "github_commit": commit,
    "github_release": release,
    "github_deployment": deployment,
}


def _said(payload: dict[str, Any], label: str) -> Document:
    user = fields.member(payload, "user")
    by_program = fields.member(user, "type") == "Bot" or fields.string(fields.member(user, "login")).endswith("[bot]")
    text = "" if by_program else clean_text(payload.get("body"), Markup.MARKDOWN, quotes=False)
    if text and label:
        text = f"{label}: {text}"
    return Document(title="", text=text, author=_author(payload), url=_url(payload))


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
