"""Documents of what GitLab's REST interface returns."""

from collections.abc import Callable
from typing import Any

from precedent.text.extract import fields
from precedent.text.extract.composition import compose, facts
from precedent.text.extract.markup import Markup, clean_text
from precedent.text.extract.model import Document


def issue(payload: dict[str, Any]) -> Document:
    """An issue: what it says, and the facts."""
    title = fields.string(payload.get("title"))
    state = _state(payload)
    kind = fields.string(payload.get("issue_type")) or None
    labels = fields.names(payload.get("labels"))
    parts = [_description(payload), facts(type=kind, state=state, labels=labels)]
    return Document(
        title=title,
        text=compose(title, parts),
        state=state,
        type=kind,
        priority=fields.state_name(payload.get("severity")),
        labels=labels,
        author=_author(payload),
        url=_url(payload),
    )


def merge_request(payload: dict[str, Any]) -> Document:
    """A merge request: what it says, and how it ended."""
    title = fields.string(payload.get("title"))
    state = _state(payload)
    labels = fields.names(payload.get("labels"))
    target = fields.string(payload.get("target_branch"))
    known = facts(
        state="closed without merging" if state == "closed" else state,
        merged_into=target if state == "merged" else None,
        draft="yes" if payload.get("draft") is True else None,
        labels=labels,
    )
    return Document(
        title=title,
        text=compose(title, [_description(payload), known]),
        state=state,
        resolution="merged" if state == "merged" else "not merged" if state == "closed" else None,
        labels=labels,
        author=_author(payload),
        url=_url(payload),
    )


def note(payload: dict[str, Any]) -> Document:
    """A note: its own words, without what it quotes; no text where GitLab or another program wrote it."""
    by_program = payload.get("system") is True or fields.member(payload, "author", "bot") is True
    text = "" if by_program else clean_text(payload.get("body"), Markup.MARKDOWN, quotes=False)
    path = fields.string(fields.member(payload, "position", "new_path"))
    if text and path:
        text = f"Comment on {path}: {text}"
    return Document(title="", text=text, author=_author(payload))


def release(payload: dict[str, Any]) -> Document:
    """A release: its notes and its tag; an unnamed one is called by its tag."""
    tag = fields.string(payload.get("tag_name"))
    title = fields.string(payload.get("name")) or tag
    return Document(
        title=title,
        text=compose(title, [_description(payload), facts(release=tag)]),
        state="upcoming" if payload.get("upcoming_release") is True else "published" if tag else None,
        type="release" if tag else None,
        author=_author(payload),
        url=fields.string(fields.member(payload, "_links", "self")) or None,
    )


def deployment(payload: dict[str, Any]) -> Document:
    """A deployment: where to, and the message of its commit."""
    commit = clean_text(fields.member(payload, "deployable", "commit", "message"), Markup.PLAIN)
    return Document(title="", text=compose("", [facts(environment=fields.name(payload.get("environment"))), commit]))


def pipeline(payload: dict[str, Any]) -> Document:
    """A pipeline that failed: its name, branch and stages in the title, its jobs and why they failed in the text."""
    number = fields.string(payload.get("iid")) or fields.string(payload.get("id"))
    name = fields.string(payload.get("name"))
    ref = fields.string(payload.get("ref"))
    state = fields.state_name(payload.get("status"))
    jobs = [job for job in fields.items(payload.get("failed_jobs")) if isinstance(job, dict)]
    stages = tuple(dict.fromkeys(stage for job in jobs if (stage := fields.string(job.get("stage")))))
    called = " ".join(part for part in (name, f"#{number}" if number else "") if part)
    where = f" on {ref}" if ref else ""
    title = f"Pipeline {called} failed{where}{': ' + ', '.join(stages) if stages else ''}" if called else ""
    recovered = state == "success"
    return Document(
        title=title,
        text=compose(title, [facts(state=state, source=fields.string(payload.get("source"))), *map(_job, jobs)]),
        state="resolved" if recovered else state,
        type="pipeline" if called else None,
        resolution="succeeded when it was retried" if recovered else None,
        components=stages,
        url=_url(payload),
    )


EXTRACTORS: dict[str, Callable[[dict[str, Any]], Document]] = {
    "gitlab_issue": issue,
    "gitlab_merge_request": merge_request,
    "gitlab_note": note,
    "gitlab_release": release,
    "gitlab_deployment": deployment,
    "gitlab_pipeline": pipeline,
}


def _job(job: dict[str, Any]) -> str:
    reason = fields.string(job.get("failure_reason")).replace("_", " ")
    name, stage = fields.string(job.get("name")), fields.string(job.get("stage"))
    said = f"Job {name} of stage {stage} failed" if stage else f"Job {name} failed"
    return f"{said}: {reason}" if reason else said


def _description(payload: dict[str, Any]) -> str:
    return clean_text(payload.get("description"), Markup.MARKDOWN)


def _state(payload: dict[str, Any]) -> str | None:
    state = fields.state_name(payload.get("state"))
    return "open" if state == "opened" else state


def _author(payload: dict[str, Any]) -> str | None:
    return fields.string(fields.member(payload, "author", "username")) or None


def _url(payload: dict[str, Any]) -> str | None:
    return fields.string(payload.get("web_url")) or None
