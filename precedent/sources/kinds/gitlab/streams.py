"""The streams of a project: what each reads, and the cursor behind each page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from precedent.errors import NotThere
from precedent.sources.kinds.gitlab.changed_list import JUST_BEFORE, KEYSET, Batch, ChangedList
from precedent.sources.kinds.gitlab.project_api import Project, written
from precedent.sources.kinds.gitlab.shapes import DEPLOYMENT, ISSUE, MERGE_REQUEST, NOTE, PIPELINE, RELEASE
from precedent.sources.lists import latest
from precedent.sources.records import RawRecord, RejectedRecord
from precedent.sources.shapes.fields import moment_of
from precedent.sources.source import Cursor, Listed, Page, Stream

# Each may cost a request of its own; few enough that a kill repeats little.
ITEMS_A_PAGE = 20
MOST_FAILED = 500
# Everything in the list that every user may see, and not what the asking user wrote alone.
ALL = {"scope": "all", "state": "all"}
RELEASED = ("released_at", "created_at")
NOTED = {"issues", "merge_requests"}
SHAPES = {"issues": ISSUE, "merge_requests": MERGE_REQUEST, "releases": RELEASE, "deployments": DEPLOYMENT}
Records = list[RawRecord | RejectedRecord]


def issues(project: Project, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
    """Issues with their notes."""
    return _with_notes(project, "issues", {**ALL, **KEYSET}, cursor, since)


def merge_requests(project: Project, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
    """Merge requests with their notes."""
    return _with_notes(project, "merge_requests", ALL, cursor, since)


def deployments(project: Project, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
    """Deployments."""
    for batch in ChangedList(project, "deployments").read(cursor, since):
        records = [project.record(item, DEPLOYMENT, "deployments", n) for n, item in enumerate(batch.items, 1)]
        yield Page(tuple(records), batch.cursor)


def pipelines(project: Project, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
    """Pipelines of the default branch that failed, and later what became of them.

    A first read asks for those that are failed now. Later reads ask for all that changed: one that failed and was
    retried is read again as it is then, because its number is in the cursor.
    """
    place: Cursor = cursor if cursor is not None and cursor.get("branch") == project.branch else {"first": True}
    failed: list[Any] = list(place.get("failed") or ())
    first = bool(place.get("first"))
    query = {"ref": project.branch, **({"status": "failed"} if first else {})}
    for batch in ChangedList(project, "pipelines", query).read(place.get("list"), since):
        for items, where, ended in _pieces(batch, project):
            records: Records = []
            for number, item in enumerate(items, 1):
                if isinstance(item, dict):
                    identity, status = item.get("id"), item.get("status")
                    if status != "failed" and identity not in failed:
                        continue
                    failed = [known for known in failed if known != identity]
                    failed += [] if status == "success" else [identity]
                    item = {**item, "failed_jobs": _failed_jobs(project, identity)}
                records.append(project.record(item, PIPELINE, "pipelines", number))
            still_first = first and not (ended and batch.last)
            after = {"branch": project.branch, "failed": failed[-MOST_FAILED:], "list": where, "first": still_first}
            yield Page(tuple(records), after)


def item(project: Project, stream: Stream, listed: Listed) -> Iterator[RawRecord | RejectedRecord]:
    """The records of an item that a listing names; what the list shows is not asked for again.

    Raises:
        NotThere: it has gone since it was listed.
    """
    if listed.record is not None:
        yield listed.record
    else:
        alone = project.get(address(stream, listed.external_id), expect=dict).data
        yield project.record(alone, SHAPES[stream.name], stream.name, 1)
    if stream.name in NOTED and listed.record is not None:
        yield from _notes(project, stream.name, listed.record.payload, None)


def address(stream: Stream, external_id: str) -> str:
    """The path of a single item below its project."""
    mark = {"issues": "#", "merge_requests": "!"}.get(stream.name, ":")
    return f"{stream.name}/{quote(external_id.partition(mark)[2], safe='')}"


def releases(project: Project, cursor: Cursor | None, since: datetime | None) -> Iterator[Page]:
    """Releases, which have no date of change: from the newest on, until a page holds nothing new.

    The first page is compared each time, so that a change of a recent release is found.
    """
    place = cursor or {}
    reply = project.get("releases", {"per_page": 100}, etag=place.get("etag"))
    if reply.unchanged:
        return
    etag, known = reply.headers.get("etag"), place.get("newest")
    last = latest((moment_of(item, *RELEASED) for item in reply.data), project.client.server_time())
    newest = written(last) if last else known
    bound = known or (written(since) if since else None)
    visited: set[str] = set()
    while True:
        records = [project.record(item, RELEASE, "releases", n) for n, item in enumerate(reply.data, 1)]
        released = [found for item in reply.data if (found := moment_of(item, *RELEASED))]
        link = reply.next_link
        ended = link is None or (bound is not None and bool(released) and written(min(released)) < bound)
        # Until the end is reached a kill begins again: pages are found by number, and releases are few.
        yield Page(tuple(records), {"newest": newest, "etag": etag} if ended else {"newest": known})
        if ended or link is None:
            return
        project.check_loop(link, visited)
        reply = project.get(link)


STREAMS = {
    "issues": issues,
    "merge_requests": merge_requests,
    "releases": releases,
    "deployments": deployments,
    "pipelines": pipelines,
}


def _with_notes(
    project: Project, path: str, query: dict[str, Any], cursor: Cursor | None, since: datetime | None
) -> Iterator[Page]:
    # Notes that are older were read before with their item.
    bound = moment_of(cursor or {}, "since")
    for batch in ChangedList(project, path, query).read(cursor, since):
        for items, where, _ in _pieces(batch, project):
            records: Records = []
            for number, item in enumerate(items, 1):
                records.append(project.record(item, SHAPES[path], path, number))
                records.extend(_notes(project, path, item, bound))
            yield Page(tuple(records), where)


def _notes(project: Project, path: str, item: Any, bound: datetime | None) -> Iterator[RawRecord | RejectedRecord]:
    """What people wrote on an item since the bound, or ever where the item itself is newer."""
    if not isinstance(item, dict) or not item.get("user_notes_count"):
        return
    created = moment_of(item, "created_at")
    if bound is None or created is None or created >= bound:
        bound = None
    where = f"{path}/{item.get('iid')}/notes"
    query = {"order_by": "updated_at", "sort": "desc", "activity_filter": "only_comments"}
    try:
        for reply in project.pages(where, query):
            for place, note in enumerate(reply.data, 1):
                changed = moment_of(note, "updated_at")
                if bound is not None and changed is not None and changed < bound:
                    return
                if not (isinstance(note, dict) and note.get("system") is True):
                    yield project.record(note, NOTE, where, place)
    except NotThere:
        # The item was deleted since it was listed: the next full listing says so.
        return


def _failed_jobs(project: Project, number: Any) -> list[Any]:
    """The jobs of a pipeline that failed, also those that were retried, with what its document says of them."""
    try:
        jobs = project.get(
            f"pipelines/{number}/jobs", {"scope[]": "failed", "include_retried": "true", "per_page": 100}
        ).data
    except NotThere:
        return []
    kept = ("id", "name", "stage", "failure_reason", "allow_failure", "web_url", "finished_at")
    found = [{name: job.get(name) for name in kept} for job in jobs if isinstance(job, dict)]
    return sorted(found, key=lambda job: str(job["finished_at"] or ""))


def _pieces(batch: Batch, project: Project) -> Iterator[tuple[tuple[Any, ...], Cursor, bool]]:
    """A batch in pieces: its items, the cursor behind them, and whether it is the last piece."""
    items = batch.items
    while len(items) > ITEMS_A_PAGE:
        piece, rest = items[:ITEMS_A_PAGE], items[ITEMS_A_PAGE:]
        last = latest([moment_of(piece[-1], "updated_at")], project.client.server_time())
        if last is None:
            break
        # The list goes by date, so that all before this one is stored with it.
        yield piece, {"since": written(last - JUST_BEFORE)}, False
        items = rest
    yield items, batch.cursor, True
